"""The documentation of the HTTP interface, made from the table of routes: an OpenAPI file and a page that is read."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from tillbridge.api.problems import PROBLEMS, STATUS_OF_REFUSAL
from tillbridge.api.requests import Route
from tillbridge.api.routes import ROUTES
from tillbridge.ledger.model import REFUSALS

_PROBLEM: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "cashier", "retry"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For the engineer: what is wrong and how to mend it."},
        "code": {"type": "string"},
        "field": {"type": "string", "description": "The field that is wrong, as a path."},
        "mend": {"type": "string", "description": "What to send instead."},
        "cashier": {"type": "string", "description": "One plain sentence for the person at the register."},
        "retry": {"enum": ["safe", "new_key", "never"]},
    },
}


def openapi() -> Mapping[str, Any]:
    """The interface as OpenAPI 3.1."""
    bodies = [route.body for route in ROUTES if route.body is not None]
    schemas, components = _portable(msgspec.json.schema_components(bodies, ref_template="#/components/schemas/{name}"))
    shape_of = dict(zip(map(id, bodies), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        shape = shape_of.get(id(route.body)) if route.body is not None else None
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, shape)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tillbridge",
            "version": "1",
            "description": "The hub between registers and online accounts.",
        },
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": _PROBLEM},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _portable(schemas: Any) -> Any:
    """The schemas with their patterns as every JSON Schema reader knows them: Python's end of text is `\\Z`."""
    return msgspec.json.decode(msgspec.json.encode(schemas).replace(rb"\\\\Z", b"$"))


def _operation(route: Route, shape: Mapping[str, Any] | None) -> Mapping[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses: dict[str, Any] = {
        "201" if route.change else str(route.status): {"description": "Done."},
        "default": {"description": "A problem.", "content": problem},
    }
    if route.change:
        responses["200"] = {"description": "The first answer again, with the header Idempotent-Replay: true."}
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": route.endpoint.__name__,
        "parameters": _parameters(route),
        "responses": responses,
    }
    if shape is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": shape}}}
    if route.right is not None:
        operation["security"] = [{"key": []}]
        operation["description"] = f"Needs the right `{route.right.value}`."
    return operation


def _parameters(route: Route) -> Sequence[Mapping[str, Any]]:
    text = {"type": "string"}
    parts = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    found: list[Mapping[str, Any]] = [{"name": part, "in": "path", "required": True, "schema": text} for part in parts]
    if route.change:
        said = "One for every change, such as `store-register-timestamp`."
        found.append({"name": "Idempotency-Key", "in": "header", "required": True, "schema": text, "description": said})
    if route.path == "/v1/credits" and route.method == "POST":
        said = "`wait=3` holds the answer for up to 3 seconds."
        found.append({"name": "Prefer", "in": "header", "required": False, "schema": text, "description": said})
    found += [{"name": n, "in": "query", "schema": text, "description": said} for n, said in route.query.items()]
    return found


def page() -> str:
    """The interface as a page that is read: each endpoint, its fields, and every refusal."""
    document = openapi()
    schemas = document["components"]["schemas"]
    paths = document["paths"]
    endpoints = "".join(_section(route, paths[route.path][route.method.lower()], schemas) for route in ROUTES)
    refusals = "".join(
        f'<tr id="{one.code}"><td><code>{one.code}</code></td><td>{STATUS_OF_REFUSAL[one.code]}</td>'
        f"<td>{html.escape(one.engineer)}</td><td>{html.escape(one.cashier)}</td><td>{one.retry}</td></tr>"
        for one in REFUSALS
    )
    others = "".join(
        f'<tr id="{code}"><td><code>{code}</code></td><td>{status}</td><td>{html.escape(said)}</td></tr>'
        for code, (status, said) in PROBLEMS.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Tillbridge: the HTTP interface</title>'
        '<link rel="stylesheet" href="/static/look.css"></head><body><main><h1>The HTTP interface</h1>'
        "<p>Every change needs an <code>Idempotency-Key</code>; the same key again gives the first answer again. "
        'Send your key as <code>Authorization: Bearer KEY</code>. The same as a file: <a href="/openapi.json">'
        f'openapi.json</a>.</p>{endpoints}<section class="card"><h2>Refusals, in order of precedence</h2><table><thead>'
        "<tr><th>Code</th><th>Status</th><th>What it means</th><th>What the cashier reads</th><th>Retry</th></tr>"
        "</thead>"
        f'<tbody>{refusals}</tbody></table></section><section class="card"><h2>Other problems</h2><table><tbody>'
        f"{others}</tbody></table></section></main></body></html>"
    )


def _section(route: Route, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    right = f" Right: <code>{route.right.value}</code>." if route.right else " Open to anybody."
    inputs = "".join(
        f"<tr><td><code>{html.escape(one['name'])}</code></td><td>{one['in']}</td>"
        f"<td>{_marked(one.get('description', ''))}</td></tr>"
        for one in operation["parameters"]
    )
    shape = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    fields = _fields(shape, schemas) if shape else ""
    table = f"<table><tbody>{inputs}{fields}</tbody></table>" if inputs or fields else ""
    title = f"<h2><code>{route.method} {html.escape(route.path)}</code></h2>"
    return f'<section class="card">{title}<p>{_marked(route.summary)}{right}</p>{table}</section>'


def _fields(shape: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    if "anyOf" in shape:
        return "".join(_fields(one, schemas) for one in shape["anyOf"])
    resolved = schemas[shape["$ref"].rpartition("/")[2]] if "$ref" in shape else shape
    needed = set(resolved.get("required", ()))
    rows = (
        f"<tr><td><code>{html.escape(name)}</code></td><td>body{', needed' if name in needed else ''}</td>"
        f"<td>{_words(what, schemas)}</td></tr>"
        for name, what in resolved.get("properties", {}).items()
    )
    return "".join(rows)


def _words(shape: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """What a field takes, in words."""
    if "description" in shape:
        return _marked(shape["description"])
    if "anyOf" in shape:
        return " or ".join(_words(one, schemas) for one in shape["anyOf"] if one.get("type") != "null")
    if "$ref" in shape:
        fields = schemas[shape["$ref"].rpartition("/")[2]].get("properties", {})
        return "object with " + ", ".join(f"<code>{html.escape(name)}</code>" for name in fields)
    if "enum" in shape:
        return "one of " + ", ".join(f"<code>{html.escape(str(one))}</code>" for one in shape["enum"])
    if shape.get("type") == "array":
        most = f", at most {shape['maxItems']}" if "maxItems" in shape else ""
        return f"list{most}, each {_words(shape['items'], schemas)}"
    if shape.get("format") == "date-time":
        return "time with offset, such as <code>2026-11-21T14:02:11-05:00</code>"
    if shape.get("type") == "string":
        return f"text of at most {shape['maxLength']} characters" if "maxLength" in shape else "text"
    return "true or false" if shape.get("type") == "boolean" else html.escape(str(shape.get("type", "")))


def _marked(text: str) -> str:
    """A sentence with its `code` set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def add_docs(app: web.Application) -> None:
    """`/docs` and `/openapi.json`, made once."""
    document, text = msgspec.json.encode(openapi()), page()

    async def get_openapi(_: web.Request) -> web.Response:
        return web.Response(body=document, content_type="application/json")

    async def get_docs(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/html")

    app.router.add_get("/openapi.json", get_openapi)
    app.router.add_get("/docs", get_docs)
