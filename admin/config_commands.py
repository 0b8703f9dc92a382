"""`cxr-triage config`: the settings as they are in force."""

from typing import Any

import typer
from pydantic import SecretStr

from admin.options import ConfigOption, DataDirOption, JsonOption, settings_from
from admin.output import console, print_json
from db.session import masked

app = typer.Typer(help="Show the effective settings.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Show the effective settings."""


@app.command("show")
def show(config: ConfigOption = None, data_dir: DataDirOption = None, json_output: JsonOption = False) -> None:
    """Print every setting as it is in force, secrets masked."""
    settings = settings_from(config, data_dir)
    values = _plain(settings.model_dump(mode="python"))
    if json_output:
        print_json(values)
        return
    for section, content in values.items():
        if isinstance(content, dict):
            console.print(f"[bold]\\[{section}][/]")
            for key, value in content.items():
                console.print(f"{key} = {value!r}", highlight=False, markup=False)
        else:
            console.print(f"{section} = {content!r}", highlight=False, markup=False)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any settings value
    """Give a value that JSON can hold, with the password of a URL masked."""
    if isinstance(value, SecretStr):
        return masked(value.get_secret_value()) if value.get_secret_value() else ""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) else str(value)
