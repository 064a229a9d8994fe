"""What the cashier reads: one plain sentence for every outcome. No code, no jargon, always what to do next."""

from collections.abc import Mapping
from typing import Final

CASHIER: Final[Mapping[str, str]] = {
    "issued": "Done: {amount} is on the customer's account.",
    "not-online": "Done: {amount} is safe, but not in the customer's online account yet. It will be looked into.",
    "unclaimed": "Done: {amount} is safe. Print the voucher: the customer scans it to add the credit to their account.",
    "redeemed": "Done: {amount} taken, {balance} left.",
    "voided": "Done: the credit was taken back.",
    "bad-input": "The register sent something the hub cannot read. Nothing was done. Please call support.",
    "conflict": "This was recorded before with other details. Do not ring it again: look it up, or call support.",
    "in-flight": "Still working on it. Please wait a moment.",
    "not-found": "Nothing is known by this number. Check it and try again.",
    "not-allowed": "This register is not allowed to do that. Please call support.",
    "away": "The credit could not be confirmed. Do not hand anything out yet: the register tries again by itself.",
}
"""By outcome. Refusals bring a sentence of their own."""


def sentence(outcome: str, **amounts: str) -> str:
    """The cashier's sentence for an outcome, with the amounts it names."""
    return CASHIER[outcome].format(**amounts)
