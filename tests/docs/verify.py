"""The table of what `tillbridge db verify` checks, made from its tuple."""

from tests.docs.books import table
from tillbridge.ledger.verify.checks import CHECKS


def checks() -> str:
    """Every check with what holds when it finds nothing, in order."""
    return table(("check", "what holds"), [(f"`{check.name}`", check.holds) for check in CHECKS])
