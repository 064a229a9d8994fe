"""Why a command is refused: a closed list, in order of precedence. A refusal is an answer, stored with its key."""

from collections.abc import Mapping
from typing import Final

from tillbridge.kernel.errors import Refusal

REFUSALS: Final[tuple[Refusal, ...]] = (
    Refusal(
        "amount-not-positive",
        "The amount must be more than zero.",
        "amount is zero or negative; send a positive decimal string",
        "new_key",
        "amount",
    ),
    Refusal(
        "amount-too-fine",
        "The amount has too many decimals for this currency.",
        "amount is finer than the minor unit of its currency; round it before sending",
        "new_key",
        "amount",
    ),
    Refusal(
        "unknown-credit",
        "This credit is not known. Check the code and try again.",
        "no credit has this id or code",
        "never",
        "credit",
    ),
    Refusal(
        "unknown-hold",
        "This hold is not known.",
        "no hold has this id; use the one that the hub answered when it was made",
        "never",
        "hold",
    ),
    Refusal(
        "code-taken",
        "This code belongs to another credit. Take a new card or voucher.",
        "another credit was issued with this code; send another code, or none to have one made",
        "new_key",
        "code",
    ),
    Refusal(
        "other-currency",
        "This credit is in another currency and cannot be used here.",
        "currency differs from the credit's; a credit holds one currency for ever",
        "never",
        "currency",
    ),
    Refusal(
        "credit-pending",
        "This credit is not ready to be spent yet. It must be claimed or activated first.",
        "the credit is pending or unclaimed; try again with a new key once it is active",
        "new_key",
        "credit",
    ),
    Refusal(
        "already-claimed",
        "This credit was claimed before. It is in the account that claimed it.",
        "the credit is active already; a claim links once",
        "never",
        "credit",
    ),
    Refusal(
        "already-active",
        "This card was activated before.",
        "the credit is active already; to add money, load it",
        "never",
        "credit",
    ),
    Refusal(
        "not-frozen",
        "This credit is not on hold.",
        "the credit is not frozen; there is nothing to unfreeze",
        "never",
        "credit",
    ),
    Refusal(
        "credit-frozen",
        "This credit is on hold. Please ask the support team.",
        "the credit is frozen; unfreeze it, then send a new key",
        "new_key",
        "credit",
    ),
    Refusal(
        "credit-void",
        "This credit was taken back and is worth nothing.",
        "the credit is void",
        "never",
        "credit",
    ),
    Refusal(
        "credit-expired",
        "This credit has expired.",
        "expires_at has passed",
        "never",
        "credit",
    ),
    Refusal(
        "cannot-merge",
        "These two credits cannot be put together.",
        "buckets or owners differ, or the target ends sooner; what a credit is, it stays",
        "never",
        "to",
    ),
    Refusal(
        "hold-over",
        "This hold is over.",
        "the hold was captured, released, or its time is up; make a new one",
        "never",
        "hold",
    ),
    Refusal(
        "over-limit",
        "This is above the limit.",
        "amount is above `amount.max` of the authority, or a limit of the stack map is used up for today",
        "new_key",
        "amount",
    ),
    Refusal(
        "cash-out-not-due",
        "This balance is not paid out in cash here.",
        "the balance is above what the law of this place, or the retailer, pays out in cash",
        "never",
        "credit",
    ),
    Refusal(
        "not-expired-yet",
        "This has not ended yet.",
        "its last moment has not passed, or it has none; nothing ends early",
        "new_key",
        "credit",
    ),
    Refusal(
        "more-than-redeemed",
        "This is more than was spent.",
        "amount is more than what was redeemed of this credit in that transaction and not given back yet",
        "new_key",
        "amount",
    ),
    Refusal(
        "credit-held",
        "Part of this credit is held by a sale that is not finished.",
        "the credit has open holds; capture or release them, or wait until they end",
        "new_key",
        "credit",
    ),
    Refusal(
        "not-as-expected",
        "This credit has changed in the meantime. Look again.",
        "the balance is not the `expected` one; read the credit again, then send a new key",
        "new_key",
        "expected",
    ),
    Refusal(
        "not-enough-available",
        "There is not enough left on this credit.",
        "amount is more than the available balance; redeem less with a new key",
        "new_key",
        "amount",
    ),
)
"""Every refusal, in order of precedence: the same order as the enum `ledger.refusal` in schema.sql."""

REFUSAL_BY_CODE: Final[Mapping[str, Refusal]] = {refusal.code: refusal for refusal in REFUSALS}
