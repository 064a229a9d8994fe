"""What the pages ask of the hub. `wiring` answers; the pages know nothing else of it."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from tillbridge.connectors.inbox import Message
from tillbridge.console.map_views import MapView
from tillbridge.console.views import (
    ClaimBegun,
    ClaimOutcome,
    ConflictLine,
    CreditLine,
    CreditView,
    HandoffLine,
    HandoffPage,
    ReviewPage,
    ReviewView,
    Said,
    Shop,
    Staff,
    TodayView,
    VoucherView,
)


class ConsolePort(Protocol):
    """Everything may raise `DatabaseAway` or `TryAgain`; the pages answer those with a plain 503."""

    @property
    def shop(self) -> Shop:
        """Whose pages these are."""

    async def voucher(self, token: str) -> VoucherView | None:
        """The voucher a claim address stands for; None when nobody knows the token."""

    async def claim_token(self, code: str) -> str | None:
        """The token behind a claim code (in the printed form, `7QK4-M2XD-9HTR`); None when nobody knows it."""

    async def begin_claim(self, token: str, contact: str) -> ClaimBegun | ClaimOutcome:
        """Open a challenge for an e-mail address or phone as typed, and send it a code if it can receive the credit.

        The answer, and the time it takes, are the same whether the contact is known or not. `BadInput` when the
        contact is neither an address nor a phone; an outcome `expired`, `used`, `unknown`, or `locked` when too many
        codes were asked for.
        """

    async def finish_claim(self, token: str, challenge: str, code: str) -> ClaimOutcome:
        """Try the six digits of a code. Every try counts, also for a challenge that never sent a code."""

    async def sign_in(self, key: str) -> Staff | None:
        """Who holds this API key; None when it is unknown, revoked, or lacks the console right."""

    async def staff(self, key_id: str) -> Staff | None:
        """Who signed in with this key, as of now; None once it is revoked or lacks the console right."""

    async def today(self) -> TodayView:
        """The day so far."""

    async def credit(self, credit_id: UUID) -> CreditView | None:
        """One credit and its trail."""

    async def find(self, text: str) -> Sequence[CreditLine]:
        """Credits by code, receipt, id, e-mail or phone as typed; a few at most."""

    async def handoffs(self, state: str, cursor: str) -> HandoffPage:
        """A page of handoffs in a state (one of `HANDOFF_FILTERS`). `BadInput` for a cursor that is none of ours."""

    async def handoff(self, key: str) -> HandoffLine | None:
        """One handoff; None when nothing is known by this key."""

    async def replay(self, key: str, staff: Staff) -> bool:
        """Set a dead or parked handoff going again, in the name of `staff`; False when there is nothing to replay."""

    async def conclude(self, key: str, staff: Staff, there: bool, reference: str) -> bool:
        """Write down, in the name of `staff`, that the system has a parked handoff, or that it is given up; False when
        it changed nothing."""

    async def reviews(self, cursor: str) -> ReviewPage:
        """A page of what waits for a person."""

    async def map(self) -> MapView:
        """The map that is in force, with what is true of it right now."""

    async def map_svg(self) -> bytes:
        """The live drawing as a file."""

    async def map_spec(self, form: str) -> bytes:
        """The spec sheet, as `html` or `pdf`."""

    async def review(self, review_id: UUID) -> ReviewView | ConflictLine | None:
        """One review with its candidates, open or done, or one value that several people have proved."""

    async def decide(self, review_id: UUID, decision: str, customer: str, said: Said) -> str:
        """Carry a decision out; blank, or a sentence why nothing was done. The same `said.key` again does nothing."""

    async def undo(self, review_id: UUID, said: Said) -> str:
        """Take the last decision about a review back; blank, or a sentence why nothing was done."""

    def inbox(self) -> Sequence[Message] | None:
        """What the demo's inbox notifier sent, newest first; None when messages really go out."""
