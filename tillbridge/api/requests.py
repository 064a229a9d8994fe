"""What every endpoint does alike: who asks, which key, which body, and how an answer leaves."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web

from tillbridge.api.audit import Audit
from tillbridge.api.bodies.fields import BODY_MAX
from tillbridge.api.bodies.reading import read_body, read_id, read_key
from tillbridge.api.keys import Keys, check_place, require
from tillbridge.api.signed import reason_of, signer
from tillbridge.kernel.actor import Actor, Right
from tillbridge.kernel.errors import BadInput, InFlight, TillbridgeError
from tillbridge.wiring import Hub

HUB: Final = web.AppKey("hub", Hub)
KEYS: Final = web.AppKey("keys", Keys)
AUDIT: Final = web.AppKey("audit", Audit)
IN_FLIGHT: Final = web.AppKey("in_flight", set[str])
REFUSED_EVENTS: Final[web.AppKey[Callable[[str], None]]] = web.AppKey("refused_events")
"""Counts a message of a system that is turned away, by a word for the reason such as `bad-signature`."""

WHO: Final = web.RequestKey("who", str)
RIGHT: Final = web.RequestKey("right", str)
"""What a request carries for its audit line: the name of the key, and the right that was asked for."""

TRACE: Final = web.RequestKey("trace", str)
"""The traceparent of what a request leads to, where its caller brought one."""

REPLAY: Final = "Idempotent-Replay"
"""The header that marks the first answer given again."""

Endpoint = Callable[["Asked"], Awaitable[web.StreamResponse]]
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that has passed the door: the hub, who asks, and the request itself."""

    hub: Hub
    actor: Actor
    request: web.Request
    body_max: int = BODY_MAX

    def path(self, name: str) -> str:
        """A part of the path."""
        return self.request.match_info[name]

    def path_id(self, what: str) -> UUID:
        """The id in the path. Raises BadInput when it is none."""
        return read_id(self.request.match_info["id"], what)

    def query(self, name: str) -> str:
        """A query parameter, blank when it is not given. Raises BadInput for control characters."""
        text = self.request.query.get(name, "").strip()
        if not text.isprintable():
            raise BadInput(name, "it holds control characters", "Leave them out.")
        return text

    def limit(self) -> int:
        """How many rows a list may have: 1 to 200, 50 unless said. Raises BadInput."""
        text = self.query("limit") or "50"
        if not re.fullmatch("[1-9][0-9]{0,2}", text) or int(text) > 200:
            raise BadInput("limit", f"{text!r} is no number from 1 to 200", "Send a number from 1 to 200.")
        return int(text)

    def key(self) -> str:
        """The idempotency key. Raises BadInput."""
        return read_key(self.request.headers.get("Idempotency-Key"))

    def trace(self) -> str:
        """The trace that the caller brought, at the span of this request; blank when it brought none that can be
        read."""
        return str(self.request.get(TRACE, ""))

    async def body(self, shape: type[T] | object) -> T:
        """The body as its shape. Raises BadInput, aiohttp's HTTPRequestEntityTooLarge, and NotAllowed when it names a
        store or a register that the key is not for. Commands inside a list are the endpoint's to check."""
        raw = await self.request.read()
        if len(raw) > self.body_max:
            raise web.HTTPRequestEntityTooLarge(max_size=self.body_max, actual_size=len(raw))
        body: T = read_body(raw, shape)
        check_place(self.actor, getattr(body, "store", ""), getattr(body, "register", ""))
        return body

    def patience(self) -> timedelta:
        """How long the answer may be held: `Prefer: wait=3`. Nothing that can be read means not at all (RFC 7240)."""
        for part in ",".join(self.request.headers.getall("Prefer", ())).split(","):
            name, _, value = part.strip().partition("=")
            if name.strip().lower() == "wait" and re.fullmatch("[0-9]{1,9}", value.strip()):
                return timedelta(seconds=min(int(value), 60))
        return timedelta()


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: where, who may, what it takes and answers, in a sentence for the documentation.

    `right` is None where anybody may ask, and `excuse` says of a request that it needs no key all the same. `change`
    marks what needs an idempotency key, `signed` what a system may send with the signature of its secret in place of a
    key.
    """

    method: str
    path: str
    endpoint: Endpoint
    right: Right | None
    summary: str
    body: object = None
    change: bool = False
    signed: bool = False
    status: int = 200
    body_max: int = BODY_MAX
    query: Mapping[str, str] = field(default_factory=dict)
    excuse: Callable[[web.Request], bool] | None = None


def handler_of(route: Route) -> Handle:
    """The route as aiohttp wants it: tell who asks, check the right, keep two requests of one key apart."""

    async def handle(request: web.Request) -> web.StreamResponse:
        hub = request.app[HUB]
        if route.right is None or (route.excuse is not None and route.excuse(request)):
            return await route.endpoint(Asked(hub, Actor("", frozenset()), request))
        request[RIGHT] = route.right.value
        actor = await signer(request, hub) if route.signed else None
        if actor is None:
            actor = await request.app[KEYS].actor(request.headers.get("Authorization"))
        request[WHO] = actor.name
        require(actor, route.right)
        asked = Asked(hub, actor, request, route.body_max)
        if not route.change:
            return await route.endpoint(asked)
        return await _once_at_a_time(asked, route.endpoint, request.app[IN_FLIGHT])

    return _counted(handle) if route.signed else handle


def _counted(handle: Handle) -> Handle:
    """Count by reason what is turned away."""

    async def counting(request: web.Request) -> web.StreamResponse:
        try:
            response = await handle(request)
        except (TillbridgeError, web.HTTPException) as error:
            if reason := reason_of(error):
                request.app[REFUSED_EVENTS](reason)
            raise
        if response.status >= 400:
            request.app[REFUSED_EVENTS]("refused")
        return response

    return counting


async def _once_at_a_time(asked: Asked, endpoint: Endpoint, in_flight: set[str]) -> web.StreamResponse:
    key = asked.key()
    if key in in_flight:
        raise InFlight(key)
    in_flight.add(key)
    try:
        return await endpoint(asked)
    finally:
        in_flight.discard(key)


def answer(body: Mapping[str, Any] | msgspec.Raw, *, status: int = 200, replay: bool = False) -> web.Response:
    """A JSON answer; `replay` marks the first answer given again."""
    return web.Response(
        status=status,
        body=msgspec.json.encode(body),
        content_type="application/json",
        headers={REPLAY: "true"} if replay else None,
    )


__all__ = [
    "AUDIT",
    "BODY_MAX",
    "HUB",
    "IN_FLIGHT",
    "KEYS",
    "REFUSED_EVENTS",
    "REPLAY",
    "RIGHT",
    "TRACE",
    "WHO",
    "Asked",
    "Endpoint",
    "Route",
    "answer",
    "handler_of",
]
