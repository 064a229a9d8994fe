"""What is checked: a tuple of small checks, each a named query, each saying what it found and hiding nothing."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Walk(StrEnum):
    """How a check goes over the book: by ranges of credits, of batches, of codes; or once, at the end."""

    CREDITS = "credits"
    BATCHES = "batches"
    CODES = "codes"
    END = "end"


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `name` is its query, `holds` what is so when it finds nothing."""

    name: str
    walk: Walk
    holds: str


CHECKS: Final[tuple[Check, ...]] = (
    Check("credit_without_event", Walk.CREDITS, "Every credit has an event."),
    Check("event_version", Walk.CREDITS, "The events of a credit count from 1 without a gap."),
    Check("event_without_credit", Walk.CREDITS, "Every event is of a credit that is there."),
    Check("event_birth", Walk.CREDITS, "A credit begins with an import, an issue or a reissue, in a state that fits."),
    Check("event_change", Walk.CREDITS, "An event changes the balance as its verb does; what has ended holds nothing."),
    Check("event_balance", Walk.CREDITS, "A balance is the one before and the change."),
    Check("event_state", Walk.CREDITS, "A state follows from the verb and the state before."),
    Check("event_owner", Walk.CREDITS, "Owner and last moment change only with verbs that may change them."),
    Check("event_held", Walk.CREDITS, "What is held, and what is left of a hold, follows from the events on holds."),
    Check("event_hold", Walk.CREDITS, "Every hold that an event placed can be found by its id."),
    Check("holding", Walk.CREDITS, "The list of open holds says what the events say."),
    Check("expiring", Walk.CREDITS, "The list of credits that end says what the events say."),
    Check("credit_account", Walk.CREDITS, "A credit's entries are in the account of its bucket, in its currency."),
    Check("entry", Walk.CREDITS, "Every entry belongs to an event and says its amount, account, currency, balance."),
    Check("event_entries", Walk.CREDITS, "An event that moved money has two entries."),
    Check("refusal_seal", Walk.BATCHES, "Every refusal is what was sealed."),
    Check("request", Walk.BATCHES, "Every request that was not refused has its events."),
    Check("event_seal", Walk.BATCHES, "Every event has its request, and both are what was sealed."),
    Check("batch_seals", Walk.BATCHES, "The hash of a batch follows from the one before and the seals of its rows."),
    Check("batch_place", Walk.BATCHES, "The batches of the chain count from 1 without a gap."),
    Check("code_seal", Walk.CODES, "Every first event, with its credit and its code, is what was sealed."),
    Check("chain_end", Walk.END, "The chain ends with its last batch."),
    Check("credit_without_code", Walk.END, "Every credit has a code."),
    Check("hold_without_event", Walk.END, "Every hold was placed by an event."),
    Check("total", Walk.END, "The totals are what all events and entries make."),
    Check("head", Walk.END, "The chain still holds every hash of it that was noted elsewhere."),
)
"""Every check, in the order in which a range is looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that is wrong: which check found it, the table (without its schema), the row, and a sentence."""

    check: str
    table: str
    row: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Head:
    """A place in the chain and the hash there; a `place` of None is any."""

    place: int | None
    hash: bytes

    def __str__(self) -> str:
        return f"{self.place}:{self.hash.hex()}" if self.place is not None else self.hash.hex()


def parse_head(text: str) -> Head:
    """A head as it was noted: `PLACE:HASH`, or the hash alone, in hexadecimal digits. Raises ValueError."""
    place, _, digits = text.strip().rpartition(":")
    hash_ = bytes.fromhex(digits)
    if len(hash_) != HASH_BYTES:
        raise ValueError(f"a hash of the chain has {2 * HASH_BYTES} hexadecimal digits")
    return Head(int(place) if place else None, hash_)


HASH_BYTES: Final = 32


@dataclass(slots=True)
class Read:
    """How much was read."""

    credits: int = 0
    events: int = 0
    entries: int = 0
    codes: int = 0
    batches: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying came to: the rows that are wrong, what was read, and where the chain ends."""

    findings: tuple[Finding, ...]
    read: Read
    head: Head
