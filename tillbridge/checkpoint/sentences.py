"""What the cashier reads: one plain sentence for every outcome. No code, no jargon, always what to do next."""

from collections.abc import Mapping
from typing import Final

from tillbridge.identity.model import NOUNS, Unresolved

CASHIER: Final[Mapping[str, str]] = {
    "issued": "Done: {amount} is on the customer's account.",
    "issued-bearer": "Done: the card is worth {amount}, to whoever has it.",
    "not-online": "Done: {amount} is safe, but not in the customer's online account yet. It will be looked into.",
    "unclaimed": "Done: {amount} is safe. Print the voucher: the customer scans it to add the credit to their account.",
    "waiting": "This waits for a second person. Do not hand anything out yet.",
    "imported": "Done: the card is known. It is worth nothing until it is sold.",
    "activated": "Done: the card is worth {balance}.",
    "loaded": "Done: {amount} added, {balance} on the card.",
    "redeemed": "Done: {amount} taken, {balance} left.",
    "redeemed-over": "Done: {amount} taken from what the customer has.",
    "held": "Done: {amount} set aside, {available} left to spend.",
    "released": "Done: {amount} let go, {available} left to spend.",
    "refunded": "Done: {amount} given back, {balance} on the credit.",
    "cashed-out": "Done: pay out {amount}.",
    "voided": "Done: the credit was taken back.",
    "reissued": "Done: {amount} is on a new credit. The old one is worth nothing.",
    "transferred": "Done: {amount} moved, {balance} left here.",
    "adjusted": "Done: corrected by {amount}, {balance} on the credit.",
    "frozen": "Done: the credit is on hold.",
    "unfrozen": "Done: the credit can be used again.",
    "expired": "Done: the credit has ended.",
    "turned-down": "A second person turned this down. Nothing was done.",
    "already-decided": "Somebody has decided this before. Look at it again.",
    "already-spent": "It has been spent, so that it cannot be moved or taken back.",
    "bad-input": "The register sent something the hub cannot read. Nothing was done. Please call support.",
    "conflict": "This was recorded before with other details. Do not ring it again: look it up, or call support.",
    "in-flight": "Still working on it. Please wait a moment.",
    "not-found": "Nothing is known by this number. Check it and try again.",
    "not-allowed": "This register is not allowed to do that. Please call support.",
    "too-many": "Too many codes were tried that are not right. Please wait a moment and try again.",
    "away": "The credit could not be confirmed. Do not hand anything out yet: the register tries again by itself.",
}
"""By outcome. Refusals bring a sentence of their own."""


def sentence(outcome: str, **amounts: str) -> str:
    """The cashier's sentence for an outcome, with the amounts it names."""
    return CASHIER[outcome].format(**amounts)


def plain_reason(why: Unresolved) -> str:
    """Why nobody was linked, by kinds and without what was typed: it stays in trails when that has been blanked."""
    kinds = dict.fromkeys(f"the {NOUNS[one.kind]}" for one in why.ignored if one.raw.strip())
    if why.cause != "no-customer" or not kinds:
        return why.sentence
    return f"No usable identifier: {' and '.join(kinds)} cannot be used."
