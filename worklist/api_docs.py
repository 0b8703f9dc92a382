"""The API's OpenAPI document, and the same as a page that needs no script."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute

from worklist import api_service, api_study, api_worklist, fhir, ups_rs
from worklist.access import WhoAsks
from worklist.api_access import WhoCalls
from worklist.api_problems import Problem, documented
from worklist.pages import render

#: Of the API's form, not of the program.
VERSION = "1"
_DESCRIPTION = (
    "What the reading worklist shows and does, for programs. Output of an AI algorithm: preliminary, no diagnosis. "
    "Send `Authorization: Bearer …` with a token of `cxr-triage users token make`."
)
ROUTERS = (api_worklist.router, api_study.router, api_service.router, ups_rs.router, fhir.router)
router = APIRouter()


def openapi() -> dict[str, Any]:
    """Give the document."""
    routes = [route for part in ROUTERS for route in part.routes if isinstance(route, APIRoute)]
    document = get_openapi(title="cxr-triage", version=VERSION, description=_DESCRIPTION, routes=routes)
    schemas = document["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs")
    schemas["Problem"] = problem
    return document


@router.get("/openapi.json", responses=documented(401))
def openapi_document(caller: WhoCalls) -> JSONResponse:
    """Give the OpenAPI document."""
    del caller
    return JSONResponse(openapi())


@router.get("/docs")
def docs_page(request: Request, visitor: WhoAsks) -> Response:
    """Show the document as a page."""
    document = openapi()
    operations = [
        {"path": path, "method": method.upper(), **operation}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return render(request, "api.html", visitor, document=document, operations=operations, name_of=_name_of)


def _name_of(schema: dict[str, Any]) -> str:
    """Name a schema in a few words: its own name, its type, or those of what it may be."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_name_of(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_name_of(schema.get('items', {}))}"
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    return str(schema.get("format") or schema.get("const") or schema.get("type") or "anything")
