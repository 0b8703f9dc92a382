"""Templates, and what every page shows."""

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from worklist import words
from worklist.access import Visitor

STATIC = Path(__file__).with_name("static")


def make_environment() -> Environment:
    """Give the templates; whatever they are given is text, and a name that nothing stands for is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=select_autoescape(default_for_string=True, default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["words"] = words
    return environment


def render(
    request: Request,
    template: str,
    visitor: Visitor | None = None,
    status: int = 200,
    **values: Any,  # noqa: ANN401 - what the template names
) -> HTMLResponse:
    """Give a page."""
    environment: Environment = request.app.state.templates
    theme = "light" if request.cookies.get("cxr-theme") == "light" else "dark"
    page = environment.get_template(template).render(visitor=visitor, theme=theme, **values)
    return HTMLResponse(page, status)
