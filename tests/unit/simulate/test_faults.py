from random import Random

import pytest

from tillbridge.kernel.errors import BadInput
from tillbridge.simulate.chance import Chance
from tillbridge.simulate.faults import SWITCHES, Delay, Faults, Mishap, Often, Refuse, draw, read_faults

ALL = frozenset(SWITCHES)


def test_all_switches_are_read() -> None:
    body = b"""{"refuse": {"rate": 0.02, "status": 503, "retry_after": 1}, "delay": {"rate": 0.1, "seconds": 0.5},
        "lose_answer": {"rate": 0.01}, "lock_error": {"rate": 1}, "reject_currency": ["CAD"],
        "lose_webhook": {"rate": 0}, "no_probe": true}"""
    assert read_faults(body, ALL) == Faults(
        Refuse(0.02, 503, 1), Delay(0.1, 0.5), Often(0.01), Often(1), ("CAD",), Often(0), True
    )
    assert read_faults(b"{}", ALL) == Faults()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"refuse": {"rate": 2}}', "refuse.rate"),
        (b'{"refuse": {"rate": -0.1}}', "refuse.rate"),
        (b'{"refuse": {"rate": "often"}}', "refuse.rate"),
        (b'{"refuse": {}}', "refuse.rate"),
        (b'{"refuse": {"rate": 1, "status": 200}}', "refuse.status"),
        (b'{"refuse": {"rate": 1, "retry_after": -1}}', "refuse.retry_after"),
        (b'{"delay": {"rate": 1, "seconds": 61}}', "delay.seconds"),
        (b'{"lose_answer": true}', "lose_answer"),
        (b'{"lose_answer": {"rate": 1, "seconds": 1}}', "lose_answer.seconds"),
        (b'{"reject_currency": "CAD"}', "reject_currency"),
        (b'{"reject_currency": ["XXQ"]}', "reject_currency"),
        (b'{"reject_currency": [1]}', "reject_currency"),
        (b'{"no_probe": 1}', "no_probe"),
        (b'{"explode": true}', "explode"),
        (b"[]", "body"),
        (b"{", "body"),
        (b"\xff", "body"),
        (b"", "body"),
    ],
)
def test_a_bad_switch_names_the_field_and_the_mend(body: bytes, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_faults(body, ALL)
    assert caught.value.field == field
    assert caught.value.mend.startswith("Send ")


def test_a_switch_of_another_system_is_refused() -> None:
    with pytest.raises(BadInput, match="The switches here are delay, lose_answer") as caught:
        read_faults(b'{"no_probe": true}', frozenset({"delay", "lose_answer"}))
    assert caught.value.field == "no_probe"


def test_no_faults_no_mishap() -> None:
    assert all(draw(Faults(), Random(seed)) == Mishap() for seed in range(50))


def test_a_rate_of_one_always_hits() -> None:
    faults = Faults(Refuse(1), Delay(1, 0.5), Often(1), Often(1), (), Often(1))
    assert draw(faults, Random(1)) == Mishap(0.5, refuse=True, lock=True, lose_answer=True, lose_webhook=True)


def test_a_rate_is_about_what_it_says() -> None:
    hits = sum(draw(Faults(refuse=Refuse(0.1)), Random(f"{seed}")).refuse for seed in range(2000))
    assert 150 < hits < 250


def test_a_switch_more_does_not_move_the_others() -> None:
    few, more = Faults(lose_answer=Often(0.3)), Faults(lose_answer=Often(0.3), refuse=Refuse(0.5), delay=Delay(0.5, 1))
    for seed in range(100):
        assert draw(few, Random(seed)).lose_answer == draw(more, Random(seed)).lose_answer


def test_chance_is_the_same_in_any_order_of_requests() -> None:
    one, two = Chance(7, "web"), Chance(7, "web")
    forth = {subject: [one.about(subject).random() for _ in range(3)] for subject in ("a", "b", "c")}
    back = {subject: [two.about(subject).random() for _ in range(3)] for subject in ("c", "b", "a")}
    assert forth == back
    assert len({value for values in forth.values() for value in values}) == 9
    assert Chance(8, "web").about("a").random() != forth["a"][0]
    assert Chance(7, "erp").about("a").random() != forth["a"][0]
