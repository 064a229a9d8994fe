"""Bodies about handoffs: which to send again, and what a person found out."""

from typing import Annotated, Literal

from msgspec import Meta

from tillbridge.api.bodies.fields import MaybeReason, MaybeWord, Moment, Strict, Typed
from tillbridge.handoff.replay import IDS_MAX

HandoffId = Annotated[
    str, Meta(min_length=1, max_length=160, description="ids of handoffs, up to 500; left out: all that fit")
]


class ReplaysBody(Strict, frozen=True, kw_only=True):
    """Which dead or parked handoffs are to be sent again. What is left out is not asked about."""

    state: Literal["dead", "parked"] = "dead"
    hop: Typed = ""
    reason_code: MaybeWord = ""
    since: Moment | None = None
    until: Moment | None = None
    # Left out means all that fit; a list that came out empty by mistake must not.
    ids: Annotated[tuple[HandoffId, ...], Meta(min_length=1, max_length=IDS_MAX)] = ()
    dry_run: bool = True


class ConclusionBody(Strict, frozen=True, kw_only=True):
    """What a person found out about a handoff: the system has it or not. Without `give_up`, what is not there is sent
    again."""

    there: bool
    reference: MaybeWord = ""
    note: MaybeReason = ""
    give_up: bool = False
