"""The endpoint of batches: many commands, one answer each, by the same way down as single requests."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from tillbridge.api.bodies.batches import BatchBody, Key, Subject
from tillbridge.api.bodies.credits import IssueBody
from tillbridge.api.bodies.reading import bad_field, read_batch_key
from tillbridge.api.clearing import cleared, count_refusal
from tillbridge.api.intake import Intake, sale_of
from tillbridge.api.keys import check_place, require
from tillbridge.api.model import Denial
from tillbridge.api.outcomes import Told, confirmed, moved, told
from tillbridge.api.problems import failed, unforeseen
from tillbridge.api.requests import AUDIT, Asked, answer
from tillbridge.api.verbs import DOOR_OF, VERB_DOORS, About
from tillbridge.api.watched import METRICS
from tillbridge.checkpoint.model import Prepared, Sale
from tillbridge.credit.model import Submitted
from tillbridge.kernel.actor import Right
from tillbridge.kernel.errors import BadInput, DatabaseError, DatabaseFault, NotAllowed, TillbridgeError, TooMany
from tillbridge.ledger.model import Answer

_LOG: Final = logging.getLogger("tillbridge.api")

T = TypeVar("T")
R = TypeVar("R")


def _shape(name: str, about: About, body: type[Any]) -> type[Any]:
    """The body of a verb as a command of a batch."""
    fields: list[tuple[str, object]] = [("key", Key), *([(about, Subject)] if about else [])]
    title = "".join(word.title() for word in name.split("-"))
    return msgspec.defstruct(
        f"{title}Command", fields, bases=(body,), tag=name, frozen=True, kw_only=True, forbid_unknown_fields=True
    )


SHAPES: Final[dict[str, type[Any]]] = {
    "issue": _shape("issue", "", IssueBody),
    **{door.name: _shape(door.name, door.about, door.body) for door in VERB_DOORS},
}
"""The shape of each command, by the name that `type` says."""

_TYPES: Final = {shape: name for name, shape in SHAPES.items()}
_DECODER: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(reduce(or_, SHAPES.values()))


class _Keyed(msgspec.Struct):
    """What can be said of a command that cannot be read."""

    key: Any = ""


UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises for bytes that are no JSON, no UTF-8, or nested too deep."""

_KEYED: Final = msgspec.json.Decoder(_Keyed)


@dataclass(slots=True)
class _Item:
    """One command on its way: `told` is its answer as soon as there is one."""

    place: int
    key: str = ""
    type: str = ""
    sale: Sale | None = None
    prepared: Prepared | None = None
    command: Submitted | None = None
    told: Told | None = None


async def post_batch(asked: Asked) -> web.Response:
    """Carry out many commands, each for itself; the answers in their order."""
    batch: BatchBody = await asked.body(BatchBody)
    items = [await _taken_in(asked, place, bytes(raw)) for place, raw in enumerate(batch.commands)]
    await _find_customers(asked, [item for item in items if item.told is None and item.sale is not None])
    await _post(asked, [item for item in items if item.told is None and item.command is not None])
    return answer({"answers": [_shown(asked, item) for item in items]})


async def _taken_in(asked: Asked, place: int, raw: bytes) -> _Item:
    """One command, read and checked: something to be posted, or its answer."""
    item = _Item(place)
    try:
        body = _read(item, raw)
        require(asked.actor, Right.ISSUE if item.type == "issue" else DOOR_OF[item.type].right)
        check_place(asked.actor, body.store, body.register)
        await _write(asked, item, body)
    except Exception as error:
        item.told = _failed(asked, item, error)
    return item


def _read(item: _Item, raw: bytes) -> Any:
    """The body of a command, whose key and type are noted. Raises BadInput."""
    try:
        body = _DECODER.decode(raw)
    except msgspec.ValidationError as error:
        item.key = _key_of(raw)
        raise bad_field(str(error)) from error
    except UNREADABLE as error:
        item.key = _key_of(raw)
        raise BadInput("body", f"the command is no JSON ({error})", "Send one JSON object in UTF-8.") from error
    item.type, item.key = _TYPES[type(body)], body.key
    item.key = read_batch_key(body.key)
    return body


def _key_of(raw: bytes) -> str:
    """The key of a command that cannot be read, as far as that can be; blank else."""
    try:
        key = _KEYED.decode(raw).key
    except UNREADABLE:
        return ""
    return key if isinstance(key, str) else ""


async def _write(asked: Asked, item: _Item, body: Any) -> None:
    """Make of a body what is to be posted: a sale, a command, or at once the answer."""
    if item.type == "issue":
        sale = await sale_of(Intake(asked.hub, asked.actor, item.key), body)
        cleared_sale = await cleared(asked.hub, asked.actor, sale)
        item.sale, item.told = (None, cleared_sale) if isinstance(cleared_sale, Told) else (cleared_sale, None)
        return
    door = DOOR_OF[item.type]
    about = str(getattr(body, door.about)) if door.about else ""
    intake = Intake(asked.hub, asked.actor, item.key, about, door.about or "id")
    await intake.check_times(body)
    command = await cleared(asked.hub, asked.actor, await door.write(intake, body))
    item.command, item.told = (None, command) if isinstance(command, Told) else (command, None)


async def _find_customers(asked: Asked, items: list[_Item]) -> None:
    """Find out who the customers of all sales are, at once."""
    found = await _each(asked.hub.checkpoint.prepare, [item.sale for item in items if item.sale is not None])
    for item, prepared in zip(items, found, strict=True):
        if isinstance(prepared, Prepared):
            item.prepared, item.command = prepared, prepared.command
        else:
            item.told = _failed(asked, item, prepared)


async def _post(asked: Asked, items: list[_Item]) -> None:
    """Post all commands in one go, and shape what came of each."""
    commands = [item.command for item in items if item.command is not None]
    outcomes = await _each(asked.hub.desk.submit, commands)
    for item, command, outcome in zip(items, commands, outcomes, strict=True):
        try:
            item.told = await _came(asked, item, command, outcome)
        except Exception as error:
            item.told = _failed(asked, item, error)


async def _came(asked: Asked, item: _Item, command: Submitted, outcome: Answer | BaseException) -> Told:
    """What came of one command. Raises what was raised for it, and TooMany for a refusal that may not be told."""
    if not isinstance(outcome, Answer):
        raise outcome
    await count_refusal(asked.hub, asked.actor, command, outcome)
    if item.prepared is not None:
        return confirmed(await asked.hub.checkpoint.settle(item.prepared, outcome))
    return await moved(asked.hub, DOOR_OF[item.type].done, command, outcome)


async def _each(
    do: Callable[[Sequence[T]], Awaitable[list[R | BaseException]]], asked: Sequence[T]
) -> list[R | BaseException]:
    """Do all at once. Where that raises something unforeseen, one after the other: only that for which it is raised
    goes without an answer. What was done before it was raised is not done twice: the keys see to that."""
    try:
        return await do(asked)
    except DatabaseError as error:
        return [error for _ in asked]
    except Exception as error:
        if len(asked) == 1:
            return [error]
        return [answered for one in asked for answered in await _each(do, [one])]


def _failed(asked: Asked, item: _Item, error: BaseException) -> Told:
    """What went wrong with one command. A field is named with its place in the batch; who may not leaves a line."""
    if isinstance(error, BadInput):
        place = f"commands[{item.place}]"
        field = place if error.field == "body" else f"{place}.{error.field}"
        error = BadInput(field, error.problem, error.mend, error.code)
    if isinstance(error, NotAllowed):
        _note(asked, item, 403, error.reason)
    if isinstance(error, TooMany):
        _note(asked, item, 429, error.code)
    if isinstance(error, DatabaseFault) or not isinstance(error, TillbridgeError):
        _LOG.error("a fault at command %s of a batch", item.place, exc_info=error)
        return told(unforeseen())
    return told(failed(error))


def _note(asked: Asked, item: _Item, status: int, reason: str) -> None:
    right = Right.ISSUE if item.type == "issue" else DOOR_OF[item.type].right
    request = asked.request
    denial = Denial(status, asked.actor.name, "POST", "/v1/batches", right.value, reason, request.remote or "")
    request.app[AUDIT].note(denial)


def _shown(asked: Asked, item: _Item) -> dict[str, Any]:
    """One answer: what the endpoint of the command would have answered."""
    came = item.told
    if came is None:
        raise AssertionError(f"command {item.place} has no answer")
    if came.code:
        asked.request.app[METRICS].refused(came.code)
    return {"key": item.key, "status": came.status, "body": came.body, "replay": came.replay}
