"""`cxr-triage drill`: break the service in every way that is known, and count what became of what it acknowledged."""

import json
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from admin.drills import kept
from admin.drills.drill import Drill, DrillRun
from admin.drills.registry import DRILLS
from admin.drills.report import DrillResult, as_json, print_results
from admin.drills.tally import Tally
from admin.options import ConfigOption, DataDirOption, JsonOption, settings_from
from admin.output import console, print_json, print_table
from admin.progress import progress
from config.load import forget_variables
from domain.errors import ConfigurationInvalid, CxrTriageError


def drill(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these; --list names them.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds of each; by default the long form's.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Makes the random choices again.", show_default=False)] = None,
    keep: Annotated[Path | None, typer.Option(help="Write the result there as JSON.", show_default=False)] = None,
    list_drills: Annotated[bool, typer.Option("--list", help="Name the drills and end.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Run drills: the real service, on temporary folders of its own, is broken under load, and everything is counted.

    Exit status 1 unless nothing is lost, reported twice, or stuck. Live data is never touched; the last result of each
    drill is kept in the data folder, if there is one, for the worklist's page of the service.
    """
    if list_drills:
        print_table(("drill", "what is broken", "rounds"), ((d.name, d.what, d.rounds) for d in DRILLS))
        return
    settings = settings_from(config, data_dir)
    forget_variables()  # a drill's service is one of its own, whatever a real one here is set to
    seed = int(time.time()) if seed is None else seed
    chosen = _chosen(names or [])
    results = [_run(one, rounds or one.rounds, seed, quiet=json_output) for one in chosen]
    report = as_json(results, seed, datetime.now(UTC))
    kept.keep(settings, report)
    if keep is not None:
        keep.write_text(json.dumps(report, indent=2) + "\n")
    if json_output:
        print_json(report)
    else:
        print_results(results)
    raise typer.Exit(0 if report["holds"] else 1)


def _chosen(names: Sequence[str]) -> list[Drill]:
    known = {drill.name: drill for drill in DRILLS}
    for name in names:
        if name not in known:
            raise ConfigurationInvalid(f"no drill {name!r}; there are {', '.join(known)}")
    return [known[name] for name in names] or list(DRILLS)


def _run(drill: Drill, rounds: int, seed: int, *, quiet: bool) -> DrillResult:
    if not quiet:
        console.print(f"{drill.name}: {drill.what}; {rounds} rounds, seed {seed} ...", highlight=False)
    chance = random.Random(f"{seed} {drill.name}")  # noqa: S311 - moments to break at, no secrets
    folder = Path(tempfile.mkdtemp(prefix="cxr-drill-"))
    with ExitStack() as at_end, progress(drill.name, rounds) as on_round:
        at_end.callback(shutil.rmtree, folder, ignore_errors=True)
        try:
            result = DrillResult(drill.name, drill.run(DrillRun(rounds, chance, folder / "drill", on_round)))
        except (CxrTriageError, TimeoutError) as error:
            result = DrillResult(drill.name, Tally(), f"{type(error).__name__}: {error}")
        if not result.holds:  # whoever looks for the reason needs its logs and its database
            at_end.pop_all()
            Console(stderr=True).print(f"{drill.name} does not hold; its folder stays: {folder}", highlight=False)
    return result
