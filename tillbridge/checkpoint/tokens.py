"""Claim codes: what stands on a voucher. Made from the hub's secret, so that a repeat prints the same one again."""

from typing import Final
from uuid import UUID

from tillbridge.checkpoint.model import VoucherLink
from tillbridge.checkpoint.voucher import CLAIM_LETTERS, read_claim_code
from tillbridge.credit.codes import Codes

_LETTERS: Final = 12
ONE_TIME_DIGITS: Final = 6


def claim_code(codes: Codes, credit_id: UUID) -> str:
    """The claim code of a credit: 60 bits that only this hub can make, as printed (`7QK4-M2XD-9HTR`)."""
    chance = codes.token("claim", str(credit_id), _LETTERS)
    code = read_claim_code("".join(CLAIM_LETTERS[byte % len(CLAIM_LETTERS)] for byte in chance))
    if code is None:
        raise AssertionError("a claim code of ours reads back")
    return code


def token_hash(codes: Codes, code: str) -> bytes:
    """What is kept of a claim code."""
    return codes.token("voucher", code)


def voucher_link(public_url: str, code: str) -> VoucherLink:
    """The addresses of a voucher."""
    return VoucherLink(
        code, f"{public_url}/claim/{code}", f"{public_url}/vouchers/{code}", f"{public_url}/vouchers/{code}.pdf"
    )
