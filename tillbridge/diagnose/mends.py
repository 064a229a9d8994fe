"""What mends a finding, and what can go wrong while nobody does. Values only."""

from collections.abc import Mapping
from typing import Final

from tillbridge.diagnose.model import Cause, Class, Risk

BY_CLASS: Final[Mapping[Class, str]] = {
    Class.ORPHAN: "Void and reissue it to the customer's account: tillbridge reissue plan.",
    Class.MISSING_ON_PLATFORM: "Replay the sale, so that the platform issues it: tillbridge replay sales.",
    Class.MISSING_IN_ERP: "Replay the handoff to the books; with the same key it cannot be posted twice.",
    Class.UNBACKED: "Freeze it, ask who made it and why, then void it or document it.",
    Class.AMOUNT_MISMATCH: "The platform's figure counts: find the movement that the other side lacks, and post it.",
    Class.DUPLICATE_ISSUE: "Void this second credit; the first one stays.",
    Class.STALE_AFTER_REDEEM: "Send the web store the balance again; until then it can sell what is spent.",
    Class.VOID_NOT_PROPAGATED: "Send the web store the void again; until then it can sell what is gone.",
    Class.DOUBLE_REDEMPTION: "Freeze it, and take both sales to the loss prevention desk.",
}
"""What mends each class, where its cause does not say more."""

BY_CAUSE: Final[Mapping[tuple[Class, Cause], str]] = {
    (Class.ORPHAN, Cause.NO_CUSTOMER): "Let the customer claim it by voucher, or find them and reissue it.",
    (Class.ORPHAN, Cause.IDENTIFIER_MISMATCH): "Look at the candidates, ask the customer for proof, then reissue it.",
    (
        Class.ORPHAN,
        Cause.MAPPING_REJECTED,
    ): "Mend the map or the system's limits, then reissue it; else tell the customer.",
    (
        Class.ORPHAN,
        Cause.WRITE_BACK_FAILED,
    ): "Mend what the books refused and replay the handoff; reissue what stays lost.",
    (Class.ORPHAN, Cause.POLLING_LAG): "Wait for the next run. Do not reissue: it would be there twice.",
    (Class.MISSING_ON_PLATFORM, Cause.POLLING_LAG): "Wait for the next run. Do not issue it again.",
    (Class.MISSING_IN_ERP, Cause.POLLING_LAG): "Wait for the next run of the books.",
    (
        Class.MISSING_IN_ERP,
        Cause.MAPPING_REJECTED,
    ): "Mend the map or the account in the books, then replay the handoff.",
}
"""What mends a class with this cause."""

_BY_CLASS: Final[Mapping[Class, Risk]] = {
    Class.ORPHAN: "customer",
    Class.MISSING_ON_PLATFORM: "customer",
    Class.MISSING_IN_ERP: "books",
    Class.UNBACKED: "overstated",
    Class.AMOUNT_MISMATCH: "overstated",
    Class.DUPLICATE_ISSUE: "double-redemption",
    Class.STALE_AFTER_REDEEM: "double-redemption",
    Class.VOID_NOT_PROPAGATED: "double-redemption",
    Class.DOUBLE_REDEMPTION: "double-redemption",
}


def mend_for(kind: Class, cause: Cause | None) -> str:
    """What to do about it, as one or two sentences."""
    return BY_CAUSE.get((kind, cause), BY_CLASS[kind]) if cause else BY_CLASS[kind]


def risk_of(kind: Class, cause: Cause | None, *, spent_less_online: bool) -> Risk:
    """What can go wrong. Where the web store shows less than is left, the difference can be spent a second time."""
    if cause is Cause.POLLING_LAG:
        return "none"
    if kind is Class.AMOUNT_MISMATCH and spent_less_online:
        return "double-redemption"
    return _BY_CLASS[kind]
