"""Errors and refusals as RFC 9457 problems: the one place where they become HTTP."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from tillbridge.checkpoint.sentences import CASHIER
from tillbridge.kernel.errors import (
    BadInput,
    Conflict,
    DatabaseError,
    Decided,
    InFlight,
    NotAllowed,
    NotFound,
    NotSigned,
    Refusal,
    Retry,
    TillbridgeError,
    TooMany,
)

PROBLEM_TYPE: Final = "application/problem+json"

CODE: Final = web.ResponseKey("code", str)
"""What an answer that is a problem carries for whoever counts: its code."""

STATUS_OF_REFUSAL: Final[Mapping[str, int]] = {
    "amount-not-positive": 422,
    "amount-too-fine": 422,
    "unknown-credit": 404,
    "unknown-hold": 404,
    "code-taken": 409,
    "other-currency": 409,
    "credit-pending": 409,
    "already-claimed": 409,
    "already-active": 409,
    "not-frozen": 409,
    "credit-frozen": 409,
    "credit-void": 409,
    "credit-expired": 409,
    "cannot-merge": 409,
    "hold-over": 409,
    "over-limit": 422,
    "cash-out-not-due": 409,
    "not-expired-yet": 409,
    "more-than-redeemed": 409,
    "credit-held": 409,
    "not-as-expected": 409,
    "not-enough-available": 409,
}


PROBLEMS: Final[Mapping[str, tuple[int, str]]] = {
    "bad-input": (
        422,
        "A field cannot be read; `field` and `mend` say which and how. 400 when it is the body or a key.",
    ),
    "body-too-large": (413, "The body is larger than any honest one."),
    "key-conflict": (422, "The key was used before for another request; `field` says what differs. Nothing was done."),
    "turned-down": (409, "A second person turned this down. Nothing was done, and the key will do nothing."),
    "already-decided": (409, "Somebody has decided otherwise about what waited for a second person."),
    "already-spent": (409, "What was to be moved or taken back has been spent."),
    "in-flight": (409, "A request with this key is being worked on. Ask again in a moment."),
    "bad-signature": (401, "The signature of a message does not hold, or is too old; `field` names the header."),
    "unknown-key": (401, "The bearer key is missing, unknown or revoked."),
    "not-allowed": (403, "The bearer key lacks the right, or is for another store or register."),
    "too-many-lookups": (429, "Too many look-ups of codes failed; `Retry-After` says when to ask again."),
    "not-found": (404, "Nothing is known by this name or at this address."),
    "wrong-method": (405, "The address takes other methods; `Allow` lists them."),
    "bad-request": (400, "The server could not read the request."),
    "ledger-away": (503, "The database does not answer. Send the same key again: it is never done twice."),
    "fault": (500, "A fault of the hub. Send the same key again: it is never done twice."),
}
"""Every problem that is no refusal: its usual status, and what it means."""


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    cashier: str,
    retry: Retry,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> web.Response:
    """A problem document: what is wrong, which field, how to mend it, what to tell the customer, whether to retry."""
    said = {name: value for name, value in more.items() if value is not None}
    body = {"type": f"/docs#{code}", "title": title, "status": status, "detail": detail, "code": code}
    response = web.Response(
        status=status,
        body=msgspec.json.encode({**body, "cashier": cashier, "retry": retry, **said}),
        content_type=PROBLEM_TYPE,
        headers=headers,
    )
    response[CODE] = code
    return response


def refused(refusal: Refusal, *, replay: bool = False) -> web.Response:
    """A refusal of the trade as a problem."""
    return problem(
        STATUS_OF_REFUSAL[refusal.code],
        refusal.code,
        "Refused",
        refusal.engineer,
        cashier=refusal.cashier,
        retry=refusal.retry,
        field=refusal.field,
        headers={"Idempotent-Replay": "true"} if replay else None,
    )


def failed(error: TillbridgeError) -> web.Response:
    """An error of ours as a problem. What is not foreseen is a 500 that says nothing of the inside."""
    text = str(error)
    match error:
        case BadInput():
            status = 400 if error.field in ("body", "Idempotency-Key") else 422
            return problem(
                status,
                error.code,
                "The request cannot be read",
                text,
                cashier=CASHIER["bad-input"],
                retry="new_key",
                field=error.field,
                mend=error.mend,
            )
        case Conflict():
            more: dict[str, Any] = {"cashier": CASHIER["conflict"], "field": error.field}
            more["credit_id"] = error.credit_id
            return problem(422, "key-conflict", "Same key, other request", text, retry="never", **more)
        case Decided():
            cashier = CASHIER[error.code]
            return problem(409, error.code, "Decided already", text, cashier=cashier, retry="never")
        case InFlight():
            more = {"cashier": CASHIER["in-flight"], "headers": {"Retry-After": "1"}}
            return problem(409, "in-flight", "Still being worked on", text, retry="safe", **more)
        case NotFound():
            return problem(404, "not-found", "Not found", text, cashier=CASHIER["not-found"], retry="never")
        case NotAllowed():
            return _not_allowed(error)
        case NotSigned():
            more = {"cashier": CASHIER["not-allowed"], "field": error.field, "mend": error.mend}
            return problem(401, "bad-signature", "The signature does not hold", text, retry="safe", **more)
        case TooMany():
            more = {"cashier": CASHIER["too-many"], "headers": {"Retry-After": str(error.seconds)}}
            return problem(429, error.code, "Too many", text, retry="safe", **more)
        case DatabaseError():
            more = {"cashier": CASHIER["away"], "headers": {"Retry-After": "1"}}
            return problem(503, "ledger-away", "The ledger does not answer", text, retry="safe", **more)
        case _:
            return unforeseen()


def _not_allowed(error: NotAllowed) -> web.Response:
    if error.known:
        return problem(403, "not-allowed", "Not allowed", str(error), cashier=CASHIER["not-allowed"], retry="never")
    more: dict[str, Any] = {"cashier": CASHIER["not-allowed"], "headers": {"WWW-Authenticate": "Bearer"}}
    return problem(401, "unknown-key", "Unknown key", str(error), retry="never", **more)


def unforeseen() -> web.Response:
    """Something broke inside. Whether anything was written is not known: the same key will tell."""
    detail = "The hub met a fault of its own. Send the same key again: it is never done twice."
    return problem(500, "fault", "A fault of the hub", detail, cashier=CASHIER["away"], retry="safe")
