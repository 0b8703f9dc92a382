import threading
import time
from pathlib import Path

from config.load import load_settings
from db import processes, schema
from db.session import make_engine
from worker.signs_of_life import signs_of_life


def test_a_process_is_known_while_it_runs_and_forgotten_when_it_ends(sqlite_url: str, tmp_path: Path) -> None:
    """By what it is for, its host and its pid."""
    engine = make_engine(sqlite_url)
    schema.upgrade(engine)
    settings = load_settings(None, {"service": {"data_dir": tmp_path}, "database": {"url": sqlite_url}})
    with signs_of_life(settings, "sweep"):
        while not (found := processes.listed(engine)):
            time.sleep(0.01)
        assert [(one.name, one.pid > 0, one.host != "") for one in found] == [("sweep", True, True)]
    assert processes.listed(engine) == []
    engine.dispose()


def test_a_database_that_is_away_ends_no_process(tmp_path: Path) -> None:
    """Its signs are missing, and nothing else."""
    url = f"sqlite:///{tmp_path / 'missing.sqlite'}"
    settings = load_settings(None, {"service": {"data_dir": tmp_path}, "database": {"url": url}})
    with signs_of_life(settings, "sweep"):
        pass
    assert "signs-of-life" not in [thread.name for thread in threading.enumerate()]
    assert not (tmp_path / "missing.sqlite").exists()
