"""The side of a simulated system that the hub delivers to: signature, faults, one answer per key, and the book."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final

from aiohttp import web
from msgspec import Meta, Raw, Struct
from msgspec.json import decode

from tillbridge.kernel.clock import Clock
from tillbridge.kernel.errors import BadInput
from tillbridge.simulate.book import Applied, Book, Event, read_event
from tillbridge.simulate.chance import Chance
from tillbridge.simulate.faults import Faults, Mishap, draw, read_faults
from tillbridge.simulate.signature import Verifier
from tillbridge.simulate.wire import cut, part, read, refused, said

Told = Callable[[int, int], tuple[Sequence[Mapping[str, object]], int | None]]
"""What a system lists: from a place on, about so many rows, and the place of the next page; None after the last."""

Answer = Callable[[Applied, Mishap], web.Response]
"""How a system words its yes: at once with a reference, or later by a call of its own."""

KEY_MAX: Final = 200
MANY_MAX: Final = 1000
LISTED_MAX: Final = 1000
"""Rows of a page of a listing, at most."""

_CALM: Final = Mishap()
_BATCH_MENDS: Final = {"": 'Send {"events": [{"key": "...", "body": {...}}]}, up to 1000.'}
_LISTING_MENDS: Final = {"": 'Send {"after": "", "limit": 1000}; after is blank, or what the page before named.'}
_QUESTION_MENDS: Final = {"": 'Send {"keys": ["..."]}, up to 1000.'}
_SIGHT_MENDS: Final = {"": 'Send {"credit": "..."}, the id of one credit.'}
_OFF: Final = Faults()


class InBatch(Struct, frozen=True):
    """One delivery among many."""

    key: Annotated[str, Meta(min_length=1, max_length=KEY_MAX)]
    body: Raw


class Batch(Struct, frozen=True):
    """Many deliveries."""

    events: Annotated[list[InBatch], Meta(min_length=1, max_length=MANY_MAX)]


class Place(Struct, frozen=True):
    """Which page of a listing is asked for. `after` is what the page before named, blank for the first."""

    after: Annotated[str, Meta(pattern=r"^[0-9]{0,9}\Z")] = ""
    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = LISTED_MAX


class Sight(Struct, frozen=True):
    """One credit that is asked about."""

    credit: Annotated[str, Meta(min_length=1, max_length=KEY_MAX)]


class Questions(Struct, frozen=True):
    """Many keys that are asked about."""

    keys: Annotated[list[str], Meta(min_length=1, max_length=MANY_MAX)]


def _said_in(response: web.Response) -> Mapping[str, object]:
    """The body of an answer, to be put among others; its Retry-After beside it."""
    body = response.body
    told: dict[str, object] = decode(body) if isinstance(body, bytes) and body else {}
    after = response.headers.get("Retry-After")
    return told if after is None else {**told, "retry_after": float(after)}


def confirm_at_once(line: Applied, _: Mishap) -> web.Response:
    """200 with the system's own reference."""
    return said({"reference": line.reference})


class Intake:
    """Routes for deliveries, the book and the fault switches of one system."""

    def __init__(
        self, book: Book, secret: str, clock: Clock, chance: Chance, switches: frozenset[str], answer: Answer
    ) -> None:
        self.book = book
        self.faults = _OFF
        self._verifier = Verifier(secret)
        self._clock = clock
        self._chance = chance
        self._switches = switches
        self._answer = answer

    def add_routes(self, app: web.Application) -> None:
        """Put this side's routes on a server."""
        app.router.add_post("/tillbridge/events", self.post_event)
        app.router.add_get("/tillbridge/events/{key}", self.get_event)
        app.router.add_post("/tillbridge/batches", self.post_batch)
        app.router.add_post("/tillbridge/questions", self.post_questions)
        app.router.add_post("/tillbridge/sight", self.post_sight)
        app.router.add_get("/book", self.get_book)
        app.router.add_get("/faults", self.get_faults)
        app.router.add_put("/faults", self.put_faults)

    async def post_event(self, request: web.Request) -> web.Response:
        """Take one delivery in, once per key; a repeat gets the first answer."""
        body = await request.read()
        fault = self._verifier.fault(request.headers, body, self._clock.now())
        if fault is not None:
            return self._refuse(401, "signature", fault)
        key = request.headers.get("Idempotency-Key", "")
        if not key or len(key) > KEY_MAX or key != request.headers.get("webhook-id"):
            return self._refuse(422, "key", "Send the same Idempotency-Key and webhook-id, up to 200 characters.")
        try:
            event = read_event(body)
        except BadInput as error:
            return self._refuse(422, "body", str(error))
        return await self._take(request, key, event)

    async def _take(self, request: web.Request, key: str, event: Event) -> web.Response:
        mishap = self.mishap(f"{event.transaction_id or event.credit.id}:{event.type}")
        if mishap.delay_seconds:
            await asyncio.sleep(mishap.delay_seconds)
        refusal = self._refusal(event, mishap)
        if refusal is not None:
            return refusal
        # Nothing is awaited between looking and writing: two requests with one key cannot both find nothing.
        line = self.book.find(key)
        if line is None:
            line = self.book.apply(key, event, self._clock.now())
        else:
            self.book.repeats += 1
        answer = self._answer(line, mishap)
        return cut(request) if mishap.lose_answer else answer

    async def post_batch(self, request: web.Request) -> web.Response:
        """Take many deliveries in, each as if it came alone. An answer that is lost is lost for all that follow."""
        body = await request.read()
        fault = self._verifier.fault(request.headers, body, self._clock.now())
        if fault is not None:
            return self._refuse(401, "signature", fault)
        answers = []
        for one in read(body, Batch, _BATCH_MENDS).events:
            response = await self._take_one(request, one)
            if request.transport is None or request.transport.is_closing():
                return response
            answers.append({"key": one.key, "status": response.status, **_said_in(response)})
        return said({"answers": answers})

    async def _take_one(self, request: web.Request, one: "InBatch") -> web.Response:
        try:
            event = read_event(bytes(one.body))
        except BadInput as error:
            return self._refuse(422, "body", str(error))
        return await self._take(request, one.key, event)

    async def post_questions(self, request: web.Request) -> web.Response:
        """Whether each of many keys was applied; 405 where this cannot be asked."""
        body = await request.read()
        fault = self._verifier.fault(request.headers, body, self._clock.now())
        if fault is not None:
            return self._refuse(401, "signature", fault)
        if self.faults.no_probe:
            return refused(405, "no-probe", "This system cannot be asked what it has applied.", {"Allow": "POST"})
        answers = []
        for key in read(body, Questions, _QUESTION_MENDS).keys:
            line = self.book.find(key)
            there = {"status": 200, "state": "applied", "reference": line.reference} if line else {"status": 404}
            answers.append({"key": key, **there})
        return said({"answers": answers})

    async def post_sight(self, request: web.Request) -> web.Response:
        """What this system shows of one credit; 405 where this cannot be asked."""
        body = await request.read()
        fault = self._verifier.fault(request.headers, body, self._clock.now())
        if fault is not None:
            return self._refuse(401, "signature", fault)
        if self.faults.no_probe:
            return refused(405, "no-sight", "This system cannot be asked what it shows.", {"Allow": "GET"})
        line = self.book.of_credit(read(body, Sight, _SIGHT_MENDS).credit)
        if line is None:
            return said({"shown": False})
        shown = {"account_id": line.account_id, "available": line.balance.text(), "currency": line.balance.currency}
        return said({"shown": True, **shown, "spent": "0"})

    async def post_listing(self, request: web.Request, told: Told) -> web.Response:
        """A page of what the system has; the faults strike here as they do a delivery."""
        body = await request.read()
        fault = self._verifier.fault(request.headers, body, self._clock.now())
        if fault is not None:
            return self._refuse(401, "signature", fault)
        if self.faults.no_probe:
            return refused(405, "no-listing", "This system cannot be asked what it has.", {"Allow": "GET"})
        place = read(body, Place, _LISTING_MENDS)
        mishap = self.mishap(f"listing:{place.after}")
        if mishap.delay_seconds:
            await asyncio.sleep(mishap.delay_seconds)
        refusal = self._struck(mishap)
        if refusal is not None:
            return refusal
        rows, following = told(int(place.after or 0), place.limit)
        if mishap.lose_answer:
            return cut(request)
        return said({"rows": rows, "next": None if following is None else str(following)})

    def mishap(self, subject: str) -> Mishap:
        """What chance has in store for the next request about this."""
        return _CALM if self.faults is _OFF else draw(self.faults, self._chance.about(subject))

    def _refusal(self, event: Event, mishap: Mishap) -> web.Response | None:
        """The refusal that the switches ask for. The one for good comes first: a retry must not change it."""
        if event.credit.currency in self.faults.reject_currency:
            return self._refuse(422, "currency", f"Credits in {event.credit.currency} are not accepted here.")
        return self._struck(mishap)

    def _struck(self, mishap: Mishap) -> web.Response | None:
        """The refusal that has nothing to do with what was asked."""
        if mishap.lock:
            return self._refuse(423, "lock", "The record is locked by another process.")
        if mishap.refuse and self.faults.refuse is not None:
            after = self.faults.refuse.retry_after
            headers = None if after is None else {"Retry-After": str(after)}
            return self._refuse(self.faults.refuse.status, "refused", "Not now; please send it again later.", headers)
        return None

    def _refuse(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
        self.book.refused[code] += 1
        return refused(status, code, message, headers)

    async def get_event(self, request: web.Request) -> web.Response:
        """Whether a key was applied: 200, 404, or 405 where this cannot be asked."""
        if self.faults.no_probe:
            return refused(405, "no-probe", "This system cannot be asked what it has applied.", {"Allow": "POST"})
        line = self.book.find(request.match_info["key"])
        if line is None:
            return refused(404, "not-applied", "Nothing was applied under this key.")
        return said({"state": "applied", "reference": line.reference})

    async def get_book(self, request: web.Request) -> web.Response:
        """The book; `?from=100&limit=50` gives the events with the numbers 101 to 150."""
        return said(self.book.as_json(*part(request)))

    async def get_faults(self, _: web.Request) -> web.Response:
        """The switches that are on."""
        return said(self.faults)

    async def put_faults(self, request: web.Request) -> web.Response:
        """Set all switches; what is left out is off."""
        self.set_faults(read_faults(await request.read(), self._switches))
        return said(self.faults)

    def set_faults(self, faults: Faults) -> None:
        """Set all switches."""
        self.faults = _OFF if faults == _OFF else faults
