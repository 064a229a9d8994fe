"""Tables for the reference of HTTP and of the pages, made from the routes that the hub serves."""

import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, Final
from uuid import UUID

import msgspec

from tests.docs.books import table
from tillbridge.api.docs import openapi
from tillbridge.api.model import WHATS
from tillbridge.api.problems import failed, unforeseen
from tillbridge.api.requests import Route
from tillbridge.api.routes import ROUTES
from tillbridge.api.verbs import VERB_DOORS
from tillbridge.console import app as console
from tillbridge.credit.approval import DECISIONS
from tillbridge.kernel.actor import RIGHTS
from tillbridge.kernel.errors import (
    BadInput,
    Conflict,
    DatabaseAway,
    Decided,
    InFlight,
    NotAllowed,
    NotFound,
    NotSigned,
    TillbridgeError,
    TooMany,
)

_PLACES: Final = re.compile(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}")
_REPLACED: Final = re.compile(r"`(?P<method>GET|POST) (?P<path>[^`]+)`: (?P<said>.*)")
_BY_NAME: Final = {
    "amount": 'a decimal in quotes, such as `"88.00"`',
    "currency": "an ISO 4217 code, such as `USD`",
}
"""Fields whose shape alone does not say what they take."""

_OPEN_PAGES: Final = ("/sign-in", "/sign-out", "/claim", "/vouchers", "/inbox")

_ERRORS: Final[tuple[tuple[str, TillbridgeError], ...]] = (
    ("a field cannot be read", BadInput("amount", "", "")),
    ("the body is no JSON, or the `Idempotency-Key` is missing or unusable", BadInput("body", "", "")),
    ("the key was used for another request", Conflict("", "", UUID(int=0))),
    ("a second person turned it down", Decided("turned-down", "")),
    ("a second person has decided otherwise", Decided("already-decided", "")),
    ("what was to be moved or taken back has been spent", Decided("already-spent", "")),
    ("a request with this key is being worked on", InFlight("")),
    ("nothing is known by this name", NotFound("", "")),
    ("no key, an unknown key, or a revoked one", NotAllowed("", known=False)),
    ("the key lacks the right, or is for another store or register", NotAllowed("", known=True)),
    ("the signature of a message does not hold; `field` names the header", NotSigned("", "", "", "")),
    ("too many look-ups of codes failed; `Retry-After` says when to ask again", TooMany("too-many-lookups", "", 1)),
    ("the database does not answer", DatabaseAway("")),
)


def roles() -> str:
    """What each right lets its holder do, and which role comes with it."""
    seeds = seeded_roles()
    rows = [
        (f"`{right.value}`", said, *("yes" if right.value in rights else "–" for rights in seeds.values()))
        for right, said in RIGHTS.items()
    ]
    return table(("right", "what it allows", *(f"`{role}`" for role in seeds)), rows)


def seeded_roles() -> dict[str, list[str]]:
    """The roles that a new database has, with their rights in order, as the schema says it."""
    text = resources.files("tillbridge").joinpath("api", "schema.sql").read_text("utf-8")
    (seeds,) = re.findall(r"INSERT INTO api\.role \(name, rights\) VALUES(.*?);", text, re.DOTALL)
    whole = re.sub(r"'\n\s*'", "", seeds)
    return {name: rights.split(",") for name, rights in re.findall(r"'([\w-]+)',\s*'\{([^}]*)\}'", whole)}


def audit_lines() -> str:
    """What an audit line can be about."""
    return table(("what", "meaning"), [(f"`{what.value}`", said) for what, said in WHATS.items()])


def routes() -> str:
    """Every endpoint with what it takes."""
    schemas = openapi()["components"]["schemas"]
    return "\n\n".join(_endpoint(route, schemas) for route in ROUTES)


def _endpoint(route: Route, schemas: Mapping[str, Any]) -> str:
    right = f"Right: `{route.right.value}`." if route.right else "Open to anybody."
    key = " Needs an `Idempotency-Key`." if route.change else ""
    parts = [f"### `{route.method} {route.path}`", f"{route.summary} {right}{key}"]
    if route.query:
        parts.append(table(("query", "what it says"), [(f"`{name}`", said) for name, said in route.query.items()]))
    operation = openapi()["paths"][route.path][route.method.lower()]
    if "requestBody" in operation:
        shape = operation["requestBody"]["content"]["application/json"]["schema"]
        kinds = shape.get("anyOf", [shape])
        for one in kinds:
            resolved = _resolved(one, schemas)
            parts += [str(resolved["description"])] if len(kinds) > 1 else []
            parts.append(_body(resolved, schemas))
    return "\n\n".join(parts)


def _body(shape: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    rows = [(f"`{name}`", "yes" if needed else "no", words) for name, needed, words in _fields(shape, schemas, "")]
    return table(("field", "needed", "what it takes"), rows)


def _resolved(shape: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schemas[shape["$ref"].rpartition("/")[2]] if "$ref" in shape else shape
    return found


def _fields(shape: Mapping[str, Any], schemas: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, bool, str]]:
    """The fields of a body as paths; those of an object inside come right behind it."""
    needed = set(shape.get("required", ()))
    for name, what in shape["properties"].items():
        one, place = what, f"{prefix}{name}"
        listed = what.get("type") == "array" and what["items"]
        if listed:
            one, place = what["items"], f"{prefix}{name}[]"
        inner = _resolved(_not_null(one), schemas)
        if inner.get("type") == "object":
            many = f"a list of {what['minItems']} to {what['maxItems']}, each with" if listed else "an object with"
            yield place, name in needed, many
            yield from _fields(inner, schemas, f"{place}.")
        else:
            yield place, name in needed, _BY_NAME.get(name) or _words(one)


def _not_null(what: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object that a field takes besides `null`; the field itself where it takes none."""
    objects: list[Mapping[str, Any]] = [one for one in what.get("anyOf", ()) if "$ref" in one]
    return objects[0] if objects else what


def _words(what: Mapping[str, Any]) -> str:
    """What a field takes, in words."""
    if "anyOf" in what:
        return " or ".join(_words(one) for one in what["anyOf"])
    if "enum" in what:
        return ", ".join(f"`{value}`" for value in what["enum"])
    if what.get("format") == "date-time":
        return "a time, ISO 8601 with an offset"
    if what.get("description"):
        return str(what["description"])
    if what.get("format") == "uuid":
        return "an id that the hub answered"
    if what["type"] == "string":
        least = what.get("minLength", 0)
        return f"text, {f'{least} to' if least else 'up to'} {what['maxLength']} characters"
    return {"boolean": "`true` or `false`", "null": "`null`"}[what["type"]]


def batch_commands() -> str:
    """What `type` can be in a batch, whose fields it takes, and what says what it is about."""
    rows = [("`issue`", "`POST /v1/credits`", "–")]
    rows += [(f"`{one.name}`", f"`POST {one.path}`", f"`{one.about}`" if one.about else "–") for one in VERB_DOORS]
    return table(("type", "fields of", "what it is about"), rows)


def decisions() -> str:
    """How a command stands that waits, or waited, for a second person."""
    return table(("state", "meaning"), [(f"`{state.value}`", said) for state, said in DECISIONS.items()])


def problems() -> str:
    """The problems that are no refusal of the ledger."""
    rows = [_problem_row(when, error) for when, error in _ERRORS]
    rows.append(_row("something broke in the hub", unforeseen().body))
    return table(("status", "code", "when", "`retry`", "the cashier reads"), rows)


def _problem_row(when: str, error: TillbridgeError) -> tuple[str, ...]:
    return _row(when, failed(error).body)


def _row(when: str, body: object) -> tuple[str, ...]:
    said = msgspec.json.decode(bytes(body) if isinstance(body, bytes | bytearray) else b"{}")
    return (str(said["status"]), f"`{said['code']}`", when, f"`{said['retry']}`", said["cashier"])


def console_pages() -> str:
    """Every page: its address, what it answers, and who may see it."""
    return table(("address", "what it answers", "who"), [_page_row(*one) for one in console_addresses()])


def console_addresses() -> list[tuple[str, str, str]]:
    """Method, address and sentence of every page, from the table that the server is made from."""
    gets = {**console.GETS, "/inbox": console._get_inbox}
    return [
        (method, _PLACES.sub(r"{\1}", path), _sentence(handler.__doc__))
        for method, handlers in (("GET", gets), ("POST", console.POSTS))
        for path, handler in handlers.items()
    ]


def _sentence(doc: str | None) -> str:
    first = (doc or "").strip().splitlines()[0]
    match = _REPLACED.match(first)
    said = match["said"] if match else first
    return said[0].upper() + said[1:]


def _page_row(method: str, path: str, sentence: str) -> tuple[str, str, str]:
    opened = path.startswith(_OPEN_PAGES)
    return (f"`{method} {path}`", sentence, "anybody" if opened else "staff")
