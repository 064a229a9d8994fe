"""Rights and places: what an actor may do, and where."""

import pytest

from tillbridge.api.keys import check_place, require
from tillbridge.api.model import WHATS, What
from tillbridge.api.roles import read_rights
from tillbridge.kernel.actor import RIGHTS, Actor, Right
from tillbridge.kernel.errors import BadInput, NotAllowed


def test_every_right_and_every_kind_of_audit_line_has_its_sentence() -> None:
    assert list(RIGHTS) == list(Right)
    assert list(WHATS) == list(What)
    assert all(said.endswith(".") for said in (*RIGHTS.values(), *WHATS.values()))


def test_a_right_that_is_none_is_refused_with_the_list() -> None:
    assert read_rights(["issue", "cash-out", "issue"]) == {Right.ISSUE, Right.CASH_OUT}
    with pytest.raises(BadInput) as refused:
        read_rights(["issue", "print-money"])
    assert "'print-money' is no right" in str(refused.value)
    assert all(right.value in refused.value.mend for right in Right)


def test_an_actor_without_the_right() -> None:
    require(Actor("till", frozenset({Right.ISSUE})), Right.ISSUE)
    with pytest.raises(NotAllowed) as refused:
        require(Actor("till", frozenset({Right.ISSUE})), Right.VOID)
    assert (refused.value.known, refused.value.reason, refused.value.who) == (True, "no-right", "till")


@pytest.mark.parametrize(
    ("own", "named", "reason"),
    [
        (("", ""), ("006", "3"), ""),
        (("006", ""), ("006", "3"), ""),
        (("006", "3"), ("006", "3"), ""),
        (("006", "3"), ("", ""), ""),
        (("006", ""), ("007", "3"), "other-store"),
        (("006", "3"), ("006", "4"), "other-register"),
        (("006", "3"), ("007", "3"), "other-store"),
    ],
)
def test_a_key_is_for_its_place(own: tuple[str, str], named: tuple[str, str], reason: str) -> None:
    actor = Actor("till", frozenset(), None, *own)
    if not reason:
        check_place(actor, *named)
        return
    with pytest.raises(NotAllowed) as refused:
        check_place(actor, *named)
    assert (refused.value.known, refused.value.reason) == (True, reason)
