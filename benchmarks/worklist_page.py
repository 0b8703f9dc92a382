"""What a page of the worklist costs among 10,000 open studies, beside the same page among 100, in one run.

    python -m benchmarks.worklist_page [--postgresql]

Two real servers (`cxr-triage worklist`), each on a database of its own, are asked in turn, as a browser asks them.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx

from admin.drills.postgres import new_server
from admin.output import print_table
from benchmarks.many_studies import fill
from db import accounts, schema
from db.session import make_engine
from domain.clock import utc_now
from domain.reading import Role
from worker.lifeline import die_with_parent

_FEW, _MANY = 100, 10_000
_ROUNDS = 25
_WARM_UP = 3
_START_SECONDS = 60.0
_PAGES = {
    "list": "/",
    "list, last page but one": "/?page={last}",
    "list by patient": "/?sort=patient",
    "list by probability": "/?sort=probability",
    "lines alone, for renewal": "/rows",
    "API, 50 lines": "/api/v1/worklist",
    "quality": "/quality",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Page times among 10,000 open studies, beside 100.")
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL instead of SQLite")
    is_postgresql = parser.parse_args().postgresql
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cxr-bench-", ignore_cleanup_errors=True)))
        urls = {number: f"sqlite:///{folder / str(number)}.sqlite" for number in (_FEW, _MANY)}
        if is_postgresql:
            server = new_server(folder / "postgresql")
            stack.callback(server.cleanup)
            for number in urls:
                server.psql(f"CREATE DATABASE studies_{number}")
                urls[number] = server.get_uri(f"studies_{number}")
        clients = {n: stack.enter_context(_browser(folder / f"data-{n}", url, n)) for n, url in urls.items()}
        rows = [_measure(name, path, clients) for name, path in _PAGES.items()]
    print_table(("page", f"{_FEW} open, ms", f"{_MANY} open, ms", "ratio"), rows)


def _measure(name: str, path: str, clients: dict[int, httpx.Client]) -> tuple[str, str, str, str]:
    """Ask both in turn; give the medians and their ratio."""
    times: dict[int, list[float]] = {number: [] for number in clients}
    for _ in range(_WARM_UP + _ROUNDS):
        for number, client in clients.items():
            address = path.format(last=number // 50 - 1)
            began = time.perf_counter()
            client.get(address).raise_for_status()
            times[number].append(time.perf_counter() - began)
    few, many = (1000 * statistics.median(times[number][_WARM_UP:]) for number in (_FEW, _MANY))
    return name, f"{few:.1f}", f"{many:.1f}", f"{many / few:.2f}"


@contextmanager
def _browser(data_dir: Path, url: str, open_studies: int) -> Iterator[httpx.Client]:
    """Serve so many studies, and sign in."""
    engine = make_engine(url)
    schema.upgrade(engine)
    fill(engine, open_studies)
    accounts.add(engine, "reader", "", Role.READER, utc_now())
    link = accounts.make_link(engine, "reader", utc_now(), timedelta(hours=1))
    engine.dispose()
    data_dir.mkdir()
    settings = data_dir / "settings.toml"
    # Asked as fast as it answers, by one reader.
    settings.write_text(f"[database]\nurl = {json.dumps(url)}\n[worklist]\napi_requests_a_minute = 100000\n")
    command = [sys.executable, "-m", "admin", "worklist", "--port", "0"]
    command += ["--data-dir", str(data_dir), "--config", str(settings)]
    with (data_dir / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=die_with_parent)  # noqa: PLW1509 - one prctl(2)
    try:
        with httpx.Client(base_url=_address(data_dir), headers={"Accept": "text/html"}) as client:
            client.get(f"/link/{link}")
            yield client
    finally:
        process.terminate()
        process.wait()


def _address(data_dir: Path) -> str:
    file, deadline = data_dir / "run" / "worklist.json", time.monotonic() + _START_SECONDS
    while not file.is_file():
        if time.monotonic() > deadline:
            raise SystemExit(f"the worklist did not start: {(data_dir / 'log').read_text()}")
        time.sleep(0.1)
    return str(json.loads(file.read_text())["address"])


if __name__ == "__main__":
    main()
