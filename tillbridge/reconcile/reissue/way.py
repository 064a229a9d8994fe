"""Whether the way to the web store takes a credit, by the map as it is now, and whether the ledger is ours. Pure.

A credit that the map refuses is lost again on the way as soon as it is reissued, and the old one was voided for
nothing: the map is mended first.
"""

from collections.abc import Iterator
from typing import Final

from tillbridge.handoff.route import unaccepted
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import CreditNow
from tillbridge.reconcile.reissue.model import Against, Reason
from tillbridge.stack.model import Hop, Role, Stack

OURS: Final = "built-in"
"""The connector of the hub's own ledger."""


def check_ours(stack: Stack) -> None:
    """Raises BadInput when the balances are kept on another platform, on which nothing can be voided from here."""
    authority = stack.systems[stack.authority]
    if authority.connector != OURS:
        problem = (
            f'the balances are kept on {authority.name} (connector "{authority.connector}"), and only credits of the '
            "built-in ledger can be voided and reissued from here"
        )
        mend = f'Repair them on {authority.name} itself, or name a platform with connector = "{OURS}" as the authority.'
        raise BadInput("authority.system", problem, mend)


def not_taken(stack: Stack, credit: CreditNow, worth: Money, system: str = "") -> Against | None:
    """What the way to a web store does not accept of what a credit is issued anew for, `worth`.

    `system` is the web store of the account that gets it; blank where no account is known: then something speaks
    against it only if no web store can be reached.
    """
    said = unaccepted(stack, credit.currency, credit.bucket, worth, credit.cohort_date)
    problems = dict(zip((hop.name for hop in stack.deliveries()), said, strict=True))
    ends = [
        hop
        for hop in stack.deliveries()
        if hop.target == system or (not system and stack.systems[hop.target].role is Role.STOREFRONT)
    ]
    stopped = [next((problems[hop.name] for hop in _way(stack, end) if problems[hop.name]), "") for end in ends]
    if not stopped or not all(stopped):
        return None
    return Against(Reason.OTHER_MEND, f"{stopped[0]} Mend the map, or what the system takes, then plan again.")


def _way(stack: Stack, end: Hop) -> Iterator[Hop]:
    """The hops that a credit goes over to the end of one, the last first."""
    hop: Hop | None = end
    while hop is not None:
        yield hop
        hop = stack.upstream(hop)
