"""What all four servers say and read the same way: JSON in, JSON out, and refusals that name the field and the mend."""

import re
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from tillbridge.kernel.errors import BadInput

T = TypeVar("T")

BODY_MAX: Final = 4 * 1024 * 1024
"""Bytes of the largest body that is read; a delivery has about 1,000, and a thousand may come at once."""

_LINES_MAX: Final = 1_000_000
_MESSAGE: Final = re.compile(r"(?P<problem>.*?)(?: - at `(?:key in )?\$(?P<path>[^`]*)`)?", re.DOTALL)
_NAMED: Final = re.compile(r"(?:unknown|required) field `([^`]+)`")
_PLACE: Final = re.compile(r"\[[^\]]*\]")


def read(body: bytes, shape: type[T], mends: Mapping[str, str]) -> T:
    """A JSON body as a value of `shape`. `mends` says what to send instead, by field path; `""` is for the whole body.

    Raises BadInput with the path of the field, such as `refuse.rate`.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        field, problem = _where(str(error))
        raise BadInput(field or "body", problem, _mend(field, mends)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadInput("body", "This is no JSON", _mend("", mends)) from None


def _where(message: str) -> tuple[str, str]:
    """The field's path and the problem, out of the reader's one message."""
    parts = _MESSAGE.fullmatch(message)
    problem, path = (parts["problem"], parts["path"] or "") if parts else (message, "")
    named = _NAMED.search(problem)
    steps = [_PLACE.sub("", path).strip("."), named.group(1) if named else ""]
    return ".".join(step for step in steps if step), problem


def _mend(field: str, mends: Mapping[str, str]) -> str:
    """The mend for a field, or for the nearest part that it belongs to."""
    while field and field not in mends:
        field = field.rpartition(".")[0]
    return mends.get(field, "Send a JSON object.")


def said(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def refused(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """A refusal as these systems word it: a code for machines, a sentence for people."""
    return said({"code": code, "message": message}, status, headers)


def shown(page: str, status: int = 200) -> web.Response:
    """An HTML page that loads nothing from anywhere."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    return web.Response(text=page, status=status, content_type="text/html", headers=headers)


def cut(request: web.Request) -> web.Response:
    """Drop the connection; what is returned here reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def part(request: web.Request) -> tuple[int, int]:
    """Which lines of a book are asked for: how many to pass over, and how many to give. Raises BadInput."""
    numbers = []
    for name, default in (("from", 0), ("limit", _LINES_MAX)):
        text = request.query.get(name, str(default))
        if not (text.isascii() and text.isdecimal() and int(text) <= _LINES_MAX):
            raise BadInput(name, f"{text!r} is no number of lines", f"Send a whole number from 0 to {_LINES_MAX}.")
        numbers.append(int(text))
    return numbers[0], numbers[1]


def new_app() -> web.Application:
    """A server without routes yet, that answers unreadable input by itself."""
    return web.Application(client_max_size=BODY_MAX, middlewares=[_answer_bad_input])


@web.middleware
async def _answer_bad_input(request: web.Request, handler: Handler) -> web.StreamResponse:
    """422 with the field and the mend."""
    try:
        return await handler(request)
    except BadInput as error:
        body = {"code": "bad-field", "field": error.field, "message": f"{error.problem}.", "mend": error.mend}
        return said(body, 422)
