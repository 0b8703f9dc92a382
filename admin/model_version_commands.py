"""`cxr-triage model activate`, `shadow` and `compare-live`: which version reads, and how two of them agree."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from admin.changes import YesOption, confirm, operator
from admin.database import open_database
from admin.options import ConfigOption, DataDirOption, JsonOption, moment, settings_from
from admin.output import console, print_json, print_table
from db import model_roles
from db.model_roles import Role
from domain.errors import ConfigurationInvalid, Rejected
from worker.model_versions import ModelVersions
from worklist.shadow import Comparison, comparisons


def activate(version: str, yes: YesOption = False, config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Let a version read from the next study on; results so far stay as they are."""
    settings = settings_from(config, data_dir)
    if settings.model.version:
        raise ConfigurationInvalid(f"model.version is set to {settings.model.version} in the settings: empty it first")
    ModelVersions.offline(settings).reader(version)
    confirm(f"Have {version} read every study from now on?", yes=yes)
    _choose(Role.ACTIVE, version, config, data_dir)


def shadow(
    version: Annotated[str | None, typer.Argument(help="Version to run beside the active one.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Run none.")] = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Let a version read every study beside the active one; its results are stored and never reported."""
    if (version is None) != off:
        raise Rejected("name a version, or say --off")
    if version is not None:
        ModelVersions.offline(settings_from(config, data_dir)).reader(version)
    confirm(f"Run {version or 'no version'} in the shadow?", yes=yes)
    _choose(Role.SHADOW, version, config, data_dir)


def _choose(role: Role, version: str | None, config: ConfigOption, data_dir: DataDirOption) -> None:
    engine = open_database(config, data_dir)
    before = model_roles.choose(engine, role, version, datetime.now(UTC), operator())
    console.print(f"{role.value}: was {before or 'the default' if role is Role.ACTIVE else before}, is {version}")


def compare_live(
    since: Annotated[str | None, typer.Option(help="Results since: ISO 8601.", show_default=False)] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Compare what the active and the shadow version said of the same live images."""
    compared = comparisons(open_database(config, data_dir), moment(since))
    if json_output:
        print_json([{field: getattr(c, field) for field in Comparison.__slots__} for c in compared])
        return
    if not compared:
        console.print("no study was read by a shadow version yet: see `cxr-triage model shadow --help`")
    for comparison in compared:
        rows = [(field.replace("_", " "), getattr(comparison, field)) for field in Comparison.__slots__[:-1]]
        print_table(("what", "is"), rows)
        print_table(("most different studies", comparison.active, comparison.shadow), comparison.most_different)
