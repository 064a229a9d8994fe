"""Lines of the four exports and of the truth, as the canonical columns have them.

No value holds a comma, a quote or a line break, so that none needs quoting; a test reads them back.
"""

from itertools import count
from typing import Final

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import COLUMNS
from tillbridge.simulate.exports.draft import Draft
from tillbridge.simulate.exports.hours import text_of
from tillbridge.simulate.exports.make import Truth
from tillbridge.simulate.exports.people import People, Person

END: Final = "\r\n"
"""How a line ends: as RFC 4180 has it, and as most exports do."""

HEADERS: Final = {side: ",".join(COLUMNS[side]) + END for side in Side}
TRUTH_HEADER: Final = f"transaction_id,code,class,cause{END}"


class Rows:
    """Makes lines; numbers the platform's credits and the books' documents as they come."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._credits = count(1)
        self._documents = count(1)

    def pos(self, draft: Draft) -> str:
        """The register's line."""
        return (
            f"{draft.transaction_id},{draft.store},{draft.register},{draft.operator},{text_of(draft.occurred)},"
            f"{draft.kind},{draft.bucket},{_money(draft.amount)},{draft.currency},{draft.code},{','.join(draft.typed)}{END}"
        )

    def platform(self, draft: Draft) -> tuple[str, ...]:
        """The platform's line, and a further one where the sale was issued twice."""
        if draft.resolved:
            person = self._people.person(draft.person)
            owner = f"{person.account_id},{person.email},{person.phone},{person.loyalty_id}"
        else:
            owner = f",{','.join(draft.typed)}"
        line = (
            f"C{next(self._credits):09},{draft.code},{draft.transaction_id},{draft.origin},{text_of(draft.issued_at)},"
            f"{draft.state},{_money(draft.issued)},{_money(draft.balance)},{draft.currency},{draft.bucket},{owner},"
            f"{text_of(draft.active_at)}{END}"
        )
        second = draft.second
        if second is None:
            return (line,)
        further = (
            f"C{next(self._credits):09},{second.code},{draft.transaction_id},{draft.origin},{text_of(second.issued_at)},"
            f"{second.state},{_money(draft.issued)},{_money(second.balance)},{draft.currency},{draft.bucket},{owner},"
            f"{text_of(second.active_at)}{END}"
        )
        return (line, further)

    def erp(self, draft: Draft, booked_at: int) -> str:
        """The books' line."""
        status = "error" if draft.error else "posted"
        return (
            f"JE{next(self._documents):08},{draft.transaction_id},{draft.code},{text_of(booked_at)},"
            f"{_money(draft.booked)},{draft.currency},{status},{draft.error}{END}"
        )

    def storefront(self, draft: Draft, shown_at: int) -> str:
        """The line of the account that shows the credit."""
        return (
            f"{_account(self._people.person(draft.person))},{draft.code},{_money(draft.shown)},{draft.currency},"
            f"{text_of(shown_at)}{END}"
        )

    def account(self, number: int) -> str:
        """The line of an account that shows none."""
        return f"{_account(self._people.person(number))},,,,{END}"


def truth_line(draft: Draft, truth: Truth) -> str:
    """What a reconciliation must find, as the sample's truth has it."""
    return f"{draft.transaction_id},{draft.code},{truth.kind},{truth.cause or ''}{END}"


def _account(person: Person) -> str:
    return f"{person.account_id},{person.email},{person.phone},{person.loyalty_id}"


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"
