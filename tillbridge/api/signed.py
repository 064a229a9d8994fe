"""Messages that a system signs in place of a key: Standard Webhooks, checked over the bytes as they came.

The headers are `webhook-id`, `webhook-timestamp` (seconds since 1970) and `webhook-signature`: one or more of
`v1,BASE64` with blanks between, each HMAC-SHA256 of `id.timestamp.body` under the system's `secret` of the map, or
under its `secret_before` while a secret is changed.
"""

import hmac
import re
from datetime import timedelta
from typing import Final

from aiohttp import web

from tillbridge.connectors.http import secret_bytes, signed
from tillbridge.kernel.actor import Actor, Right
from tillbridge.kernel.errors import BadInput, Conflict, Decided, NotAllowed, NotFound, NotSigned, TooMany
from tillbridge.stack.model import Role, System
from tillbridge.wiring import Hub

WINDOW: Final = timedelta(minutes=5)
"""How far the time of a signature may be from ours, either way."""

ID, AT, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
ID_MAX: Final = 200

_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_SIGN: Final = "Sign with the secret that the stack map has for this system."


async def signer(request: web.Request, hub: Hub) -> Actor | None:
    """The system that signed a message; None for one without a signature, which needs a key.

    Raises NotSigned, aiohttp's HTTPRequestEntityTooLarge.
    """
    if SIGNATURE not in request.headers:
        return None
    system = hub.stack.systems.get(request.match_info["system"])
    message, at = message_id(request), request.headers.get(AT, "").strip()
    if not message:
        raise NotSigned(ID, "the header is missing or no plain text", "Send the id of the message.", "no-id")
    if not _SECONDS.fullmatch(at):
        raise NotSigned(AT, "it is no number of seconds since 1970", "Send when it was signed.", "bad-timestamp")
    apart = hub.clock.now().timestamp() - int(at)
    if abs(apart) > WINDOW.total_seconds():
        said = "before" if apart > 0 else "ahead of"
        minutes = int(WINDOW.total_seconds() // 60)
        mend = "Sign it anew when it is sent again, and set the clock."
        reason = "old-timestamp" if apart > 0 else "future-timestamp"
        raise NotSigned(AT, f"it is more than {minutes} minutes {said} our time", mend, reason)
    body = await request.read()
    # Who has no secret is told no more than who has another: nobody learns from it which systems there are.
    if system is None or not _holds(system, message, int(at), body, request.headers.getall(SIGNATURE)):
        raise NotSigned(SIGNATURE, "no signature of this message holds", _SIGN, "bad-signature")
    rights = {Right.EVENTS, Right.ISSUE} if system.role is Role.POS else {Right.EVENTS}
    return Actor(system.name, frozenset(rights), system.name)


def message_id(request: web.Request) -> str:
    """The id that the sender gave the message; blank where there is none that can be kept."""
    name = request.headers.get(ID, "").strip()
    return name if len(name) <= ID_MAX and name.isascii() and name.isprintable() else ""


def reason_of(error: Exception) -> str:
    """Why a message was turned away, in a word to count by; blank where it was not its fault."""
    match error:
        case NotSigned() | NotAllowed():
            return error.reason
        case BadInput():
            return {"body": "not-json", "type": "unknown-type"}.get(error.field, "bad-field")
        case NotFound():
            return "not-found"
        case Conflict() | Decided():
            return "conflict"
        case TooMany():
            return error.code
        case web.HTTPRequestEntityTooLarge():
            return "too-large"
        case _:
            return ""


def _holds(system: System, message: str, at: int, body: bytes, headers: list[str]) -> bool:
    """Whether one of the signatures is that of the secret in force or of the one before, each compared in
    constant time."""
    given = [one.encode(errors="surrogateescape") for header in headers for one in header.split()]
    secrets = [secret for secret in (system.secret, system.secret_before) if secret]
    ours = [signed(message, at, body, secret_bytes(secret))[SIGNATURE].encode() for secret in secrets]
    return any(hmac.compare_digest(one, their) for one in ours for their in given)
