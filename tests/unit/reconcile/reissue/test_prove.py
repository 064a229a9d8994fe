"""What proves that a credit is unspent, and what an answer of a system means."""

from datetime import timedelta
from uuid import UUID

import pytest

from tests.unit.reconcile.reissue.values import AT, item
from tillbridge.handoff.model import AttemptView, HandoffView
from tillbridge.handoff.model import State as Handoff
from tillbridge.kernel.money import Money
from tillbridge.reconcile.reissue.model import Against, Reason
from tillbridge.reconcile.reissue.ours import arrival
from tillbridge.reconcile.reissue.ports import Asked, CannotTell, NotThere, Shown, Sight
from tillbridge.reconcile.reissue.prove import proof, reached
from tillbridge.reconcile.reissue.told import sight_of

THERE = Shown("A1", False, "the account A1 shows 25.00 USD.")
ELSEWHERE = Shown("A2", False, "the account A2 shows 25.00 USD.")
SPENT = Shown("A1", True, "the account A1 shows 20.00 USD, 5.00 USD of it spent there.")
SILENT = CannotTell("It answered 405 when asked.")


def handoff(state: Handoff, *outcomes: str, hop: str = "platform-web") -> HandoffView:
    tried = tuple(
        AttemptView(0, number, number, "send", AT, AT, outcome, "", "", None, False)
        for number, outcome in enumerate(outcomes, start=1)
    )
    sent = AT if outcomes else None
    return HandoffView(
        UUID(int=1), hop, 1, UUID(int=2), state, "", AT, AT, AT, AT + timedelta(minutes=1), len(tried), 0, "", "", "",
        sent, AT if state is Handoff.CONFIRMED else None, tried,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("spends", "reached_", "sight", "reason"),
    [
        (True, True, NotThere(), ""),
        (True, True, THERE, Reason.ARRIVED),
        (True, False, ELSEWHERE, Reason.ELSEWHERE),
        (True, True, SPENT, Reason.SPENT),
        (True, True, SILENT, Reason.SILENT),
        (True, False, SILENT, ""),
        (False, True, SILENT, ""),
        (False, True, THERE, ""),
        (False, True, SPENT, Reason.SPENT),
    ],
)
def test_what_a_channel_says(spends: bool, reached_: bool, sight: Sight, reason: str) -> None:
    found = proof(item(), [Asked("web", spends, reached_, sight)])
    assert (found.reason if isinstance(found, Against) else "") == reason
    assert "web" in (found.seen if isinstance(found, Against) else found)


def test_what_was_spent_outweighs_what_a_person_could_decide() -> None:
    said = [Asked("shop2", True, True, SILENT), Asked("shop3", True, True, ELSEWHERE), Asked("web", True, True, SPENT)]
    found = proof(item(), said)
    assert isinstance(found, Against)
    assert found.reason is Reason.SPENT


def test_a_person_who_looked_stands_in_for_a_channel_that_cannot_tell_and_for_nothing_else() -> None:
    vouched = item(vouched=True, decided_by="carl")
    assert "carl looked there" in str(proof(vouched, [Asked("web", True, True, SILENT)]))
    assert isinstance(proof(vouched, [Asked("web", True, True, SPENT)]), Against)


@pytest.mark.parametrize(
    ("state", "outcomes", "may_be_there"),
    [
        (Handoff.WAITING, (), False),
        (Handoff.DUE, (), False),
        (Handoff.ENDED, (), False),
        (Handoff.DEAD, (), False),
        (Handoff.DEAD, ("refused",), False),
        (Handoff.DUE, ("not-sent", "refused"), False),
        (Handoff.DEAD, ("unknown", "not-there"), True),
        (Handoff.DUE, ("unknown",), True),
        (Handoff.SENDING, (), True),
        (Handoff.UNKNOWN, ("unknown",), True),
        (Handoff.PARKED, ("unknown", "cannot-tell"), True),
        (Handoff.CONFIRMED, ("confirmed",), True),
    ],
)
def test_whether_a_credit_may_have_got_there(state: Handoff, outcomes: tuple[str, ...], may_be_there: bool) -> None:
    assert reached([handoff(state, *outcomes)], ["platform-web"]) is may_be_there
    assert not reached([handoff(state, *outcomes)], ["platform-erp"])


@pytest.mark.parametrize(
    ("status", "body", "sight"),
    [
        (200, b'{"shown": false}', NotThere()),
        (
            200,
            b'{"shown": true, "account_id": "A1", "available": "20.00", "currency": "USD", "spent": "5.00"}',
            Shown("A1", True, "the account A1 shows 20.00 USD, 5.00 USD of it spent there.", Money(2000, "USD")),
        ),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, sight: Sight) -> None:
    assert sight_of(status, body) == sight


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b'{"code": "not-found"}'),
        (405, b""),
        (500, b'{"shown": false}'),
        (200, b""),
        (200, b"<html>"),
        (200, b"{}"),
        (200, b'{"shown": "no"}'),
        (200, b'{"shown": true}'),
        (200, b'{"shown": true, "available": "1,00", "currency": "USD"}'),
    ],
)
def test_every_doubt_is_no_word_of_the_systems(status: int, body: bytes) -> None:
    assert isinstance(sight_of(status, body), CannotTell)


def test_how_a_new_credit_arrives() -> None:
    confirmed, due = handoff(Handoff.CONFIRMED, "confirmed"), handoff(Handoff.DUE, hop="platform-web2")
    assert arrival([confirmed], AT).there
    assert arrival([], AT).there
    assert not arrival([confirmed, due], AT).there
    late = arrival([due], AT + timedelta(hours=1))
    assert (late.there, late.late, late.stuck) == (False, True, False)
    stuck = arrival([handoff(Handoff.DEAD, "refused")], AT)
    assert stuck.stuck
    assert "tillbridge replay handoffs" in stuck.seen
