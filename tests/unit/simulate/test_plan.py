from collections import Counter
from itertools import islice
from random import Random

import phonenumbers
import pytest

from tillbridge.simulate.directory import Account, Directory, make_accounts
from tillbridge.simulate.plan import Plan, Planner, Spelling, Then
from tillbridge.simulate.spelling import mistyped

DIRECTORY = Directory(make_accounts(Random(7), 300))
EMAILS = {account.email for account in DIRECTORY}


def plans(seed: int, count: int) -> list[Plan]:
    return list(Planner(Random(seed), DIRECTORY).plans(count))


def test_the_same_seed_gives_the_same_plans() -> None:
    assert plans(7, 100) == plans(7, 100)
    assert plans(7, 100) != plans(8, 100)


def test_plans_without_end_begin_like_others() -> None:
    assert list(islice(Planner(Random(7), DIRECTORY).plans(None), 20)) == plans(7, 20)


def test_every_transaction_has_its_number() -> None:
    made = plans(7, 2000)
    assert len({plan.sale.transaction_id for plan in made}) == 2000
    later = next(Planner(Random(7), DIRECTORY, first_ticket=500).plans(1))
    assert later.sale.transaction_id == f"T{later.sale.store}{later.sale.register}-500"


def test_the_shares_are_about_as_promised() -> None:
    made = plans(7, 4000)
    spelled = Counter(plan.spelling for plan in made)
    assert 3250 < spelled[Spelling.GOOD] < 3550
    for few in (Spelling.LOYALTY, Spelling.BLANK, Spelling.MISTYPED):
        assert 140 < spelled[few] < 260
    assert 40 < sum(plan.sale.currency == "CAD" for plan in made) < 130
    then = Counter(plan.then for plan in made)
    assert min(then[what] for what in Then) > 15


def test_a_good_spelling_names_one_verified_person() -> None:
    for plan in plans(7, 1000):
        typed = plan.sale.customer
        if plan.spelling is not Spelling.GOOD:
            continue
        assert typed is not None
        if typed.email:
            assert typed.email.strip().lower() == plan.account.email
            assert plan.account.email_verified
        if typed.phone:
            number = phonenumbers.parse(typed.phone, "US")
            assert phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == plan.account.phone
            assert plan.account.phone_verified
            assert plan.account.phone not in DIRECTORY.shared_phones()
        assert typed.email or typed.phone


def test_a_mistyped_address_is_nobodys() -> None:
    for plan in plans(7, 1000):
        if plan.spelling is Spelling.MISTYPED:
            assert plan.sale.customer is not None
            assert plan.sale.customer.email not in EMAILS


def test_a_typing_error_keeps_an_address_an_address() -> None:
    chance = Random(7)
    for email in sorted(EMAILS)[:100]:
        typed = mistyped(chance, email, EMAILS)
        name, at, host = typed.partition("@")
        assert at
        assert host == email.partition("@")[2]
        assert ".." not in name
        assert not name.startswith(".")
        assert not name.endswith(".")


def test_only_unidentified_credits_are_claimed() -> None:
    for plan in plans(7, 1000):
        blank = plan.spelling in {Spelling.BLANK, Spelling.MISTYPED}
        assert plan.then in ({Then.CLAIM, Then.NOTHING} if blank else {Then.REDEEM, Then.VOID, Then.NOTHING})


def test_nobody_who_can_be_told_is_a_mistake_to_be_told() -> None:
    nobody = Account("A1", "A B", "a.b@example.com", "+12122000001", "77000000013", False, False)
    with pytest.raises(ValueError, match="can be told"):
        Planner(Random(7), Directory([nobody]))
