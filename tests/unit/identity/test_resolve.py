"""Whose credit is it: never the wrong person's."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from tillbridge.identity.model import (
    Customer,
    Heard,
    Identifier,
    Kind,
    Linked,
    Normal,
    Owner,
    Owners,
    Reference,
    Unresolved,
    Unusable,
)
from tillbridge.identity.resolve import CANDIDATES_MAX, decide, holders, rank

AT = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
ADA, BEN, EVE = (UUID(int=number) for number in (1, 2, 3))
EMAIL = Normal(Kind.EMAIL, "Ada@example.org", "ada@example.org")
PHONE = Normal(Kind.PHONE, "(617) 200-0068", "+16172000068")
LOYALTY = Normal(Kind.LOYALTY, "77000014405", "77000014405")
ACCOUNT = Normal(Kind.ACCOUNT, "A1", "A1")
NO_PHONE = Unusable(Kind.PHONE, "n/a", True, "'n/a' stands for no phone")


def heard(*usable: Normal, unusable: tuple[Unusable, ...] = ()) -> Heard:
    return Heard(usable, unusable)


def verified(*customers: UUID) -> tuple[Owner, ...]:
    return tuple(Owner(customer, True) for customer in customers)


def stated(*customers: UUID) -> tuple[Owner, ...]:
    return tuple(Owner(customer, False) for customer in customers)


def mismatch(given: Heard, owners: Owners) -> Unresolved:
    answer = decide(given, owners, AT)
    assert isinstance(answer, Unresolved)
    assert answer.cause == "identifier-mismatch"
    return answer


def linked(given: Heard, owners: Owners) -> Linked:
    answer = decide(given, owners, AT)
    assert isinstance(answer, Linked)
    return answer


def test_each_kind_of_proof_links_by_itself() -> None:
    for normal in (EMAIL, PHONE, LOYALTY, ACCOUNT):
        answer = linked(heard(normal), {normal.key: verified(ADA)})
        assert answer.customer_id == ADA
        assert [(proof.kind, proof.value) for proof in answer.by] == [normal.key]


def test_all_proofs_are_told() -> None:
    answer = linked(heard(LOYALTY, EMAIL), {LOYALTY.key: verified(ADA), EMAIL.key: verified(ADA)})
    assert [proof.sentence for proof in answer.by] == [
        "loyalty id of one customer",
        "exact e-mail with one verified owner",
    ]


def test_nothing_usable_is_no_customer_and_says_what_was_typed() -> None:
    answer = decide(heard(unusable=(NO_PHONE,)), {}, AT)
    assert isinstance(answer, Unresolved)
    assert answer.cause == "no-customer"
    assert answer.sentence == "No usable identifier: 'n/a' stands for no phone."
    assert answer.ignored == (NO_PHONE,)


def test_what_cannot_be_used_is_no_evidence_but_named() -> None:
    assert linked(heard(EMAIL, unusable=(NO_PHONE,)), {EMAIL.key: verified(ADA)}).ignored == (NO_PHONE,)


def test_what_nobody_holds_says_nothing_against_a_proof() -> None:
    assert linked(heard(EMAIL, PHONE), {PHONE.key: verified(ADA)}).unowned == (EMAIL,)


def test_identifiers_that_nobody_holds_are_a_mismatch() -> None:
    answer = mismatch(heard(EMAIL, PHONE), {})
    assert answer.sentence == "No online profile has this e-mail or phone."
    assert answer.unowned == (EMAIL, PHONE)


def test_identifiers_of_two_people_are_a_mismatch_whatever_their_kind() -> None:
    for normal in (EMAIL, LOYALTY, ACCOUNT):
        answer = mismatch(heard(normal, PHONE), {normal.key: verified(ADA), PHONE.key: verified(BEN)})
        assert answer.sentence.endswith("point to different profiles.")


def test_an_identifier_that_someone_else_merely_states_speaks_against_a_proof() -> None:
    mismatch(heard(EMAIL, PHONE), {EMAIL.key: verified(ADA), PHONE.key: stated(BEN)})


def test_an_unproven_identifier_never_links() -> None:
    answer = mismatch(heard(EMAIL), {EMAIL.key: stated(ADA)})
    assert answer.sentence == "Nobody has proved control of this e-mail."


def test_an_unproven_identifier_of_the_same_person_does_no_harm() -> None:
    answer = linked(heard(EMAIL, PHONE), {EMAIL.key: verified(ADA), PHONE.key: stated(ADA)})
    assert [proof.kind for proof in answer.by] == [Kind.EMAIL]


def test_stating_somebody_elses_proven_email_takes_nothing_from_them() -> None:
    assert linked(heard(EMAIL), {EMAIL.key: (*stated(EVE), *verified(ADA))}).customer_id == ADA


def test_a_shared_identifier_never_links_alone() -> None:
    answer = mismatch(heard(PHONE), {PHONE.key: verified(ADA, BEN)})
    assert answer.sentence == "More than one profile has this phone."


def test_a_shared_phone_beside_a_proof_of_one_of_them_links() -> None:
    answer = linked(heard(EMAIL, PHONE), {EMAIL.key: verified(BEN), PHONE.key: verified(ADA, BEN)})
    assert answer.customer_id == BEN
    assert [proof.kind for proof in answer.by] == [Kind.EMAIL]


def test_two_shared_identifiers_with_one_person_in_common_do_not_link() -> None:
    mismatch(heard(EMAIL, PHONE), {EMAIL.key: verified(ADA, BEN), PHONE.key: verified(ADA, EVE)})


PEOPLE = [UUID(int=number) for number in range(1, 5)]
KEYS = [Normal(kind, "raw", value) for kind in Kind for value in ("one", "two")]
SOME_OWNERS = st.lists(st.builds(Owner, st.sampled_from(PEOPLE), st.booleans()), max_size=4).map(tuple)
DIRECTORIES = st.fixed_dictionaries({normal.key: SOME_OWNERS for normal in KEYS})
REQUESTS = st.lists(st.sampled_from(KEYS), unique_by=lambda normal: normal.kind).map(lambda usable: heard(*usable))


def proven(owners: Owners, normal: Normal) -> set[UUID]:
    return {owner.customer_id for owner in owners[normal.key] if owner.verified}


def everyone(owners: Owners, normal: Normal) -> set[UUID]:
    return {owner.customer_id for owner in owners[normal.key]}


def proof_of(owners: Owners, normal: Normal, customer_id: UUID) -> bool:
    """Whether one person alone proved it; a phone must be on nobody else's profile either."""
    alone = normal.kind is not Kind.PHONE or everyone(owners, normal) == {customer_id}
    return proven(owners, normal) == {customer_id} and alone


@settings(max_examples=2000)
@given_any(REQUESTS, DIRECTORIES)
def test_a_link_has_a_proof_and_nothing_against_it(given: Heard, owners: Owners) -> None:
    answer = decide(given, owners, AT)
    if isinstance(answer, Linked):
        owned = [normal for normal in given.usable if everyone(owners, normal)]
        assert all(answer.customer_id in everyone(owners, normal) for normal in owned)
        assert {proof.kind for proof in answer.by} == {n.kind for n in owned if proof_of(owners, n, answer.customer_id)}
        assert answer.by
    else:
        assert answer.cause == ("identifier-mismatch" if given.usable else "no-customer")


@settings(max_examples=500)
@given_any(REQUESTS, DIRECTORIES, st.sampled_from(PEOPLE))
def test_one_proven_owner_of_everything_is_always_linked(given: Heard, owners: Owners, customer: UUID) -> None:
    alone = {key: verified(customer) if who else () for key, who in owners.items()}
    if any(alone[normal.key] for normal in given.usable):
        assert linked(given, alone).customer_id == customer


@settings(max_examples=500)
@given_any(REQUESTS, DIRECTORIES, st.data())
def test_the_order_of_what_was_typed_does_not_matter(given: Heard, owners: Owners, data: st.DataObject) -> None:
    def who(usable: Sequence[Normal]) -> object:
        answer = decide(Heard(tuple(usable), ()), owners, AT)
        return answer.customer_id if isinstance(answer, Linked) else answer.cause

    assert who(data.draw(st.permutations(given.usable))) == who(given.usable)


def person(customer_id: UUID, *identifiers: Identifier) -> Customer:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    return Customer(customer_id, since, (Reference("web", f"A{customer_id.int}"),), identifiers)


def test_candidates_are_ranked_with_reasons_field_by_field() -> None:
    near = Identifier(Kind.EMAIL, "adda@example.org", "adda@example.org", True)
    same_phone = Identifier(Kind.PHONE, PHONE.value, PHONE.raw, False)
    far = Identifier(Kind.EMAIL, "zebulon@example.com", "zebulon@example.com", True)
    first, second = rank(heard(EMAIL, PHONE), [person(EVE, far), person(BEN, near, same_phone)])
    assert (first.customer_id, second.customer_id) == (BEN, EVE)
    assert first.accounts == (Reference("web", "A2"),)
    assert [(reason.kind, reason.held, reason.sentence) for reason in first.reasons] == [
        (Kind.EMAIL, "adda@example.org", "similar e-mail"),
        (Kind.PHONE, "+16172000068", "same phone, not verified"),
    ]
    assert [reason.sentence for reason in second.reasons] == ["different e-mail", "no phone on file"]
    assert first.score > 90 > second.score


def test_an_account_id_is_compared_with_all_names_of_a_customer() -> None:
    for typed in ("A2", "web:A2", str(BEN)):
        (found,) = rank(heard(Normal(Kind.ACCOUNT, typed, typed)), [person(BEN)])
        assert (found.score, found.reasons[0].sentence) == (100, "same account id")
    (other,) = rank(heard(ACCOUNT), [person(BEN)])
    assert (other.score, other.reasons[0].sentence) == (0, "another account id")


def test_candidates_are_few() -> None:
    crowd = [person(UUID(int=number)) for number in range(100)]
    assert len(rank(heard(EMAIL), crowd)) == CANDIDATES_MAX


def test_everybody_who_holds_anything_is_worth_a_look() -> None:
    owners = {EMAIL.key: verified(ADA), PHONE.key: stated(BEN)}
    assert holders(heard(EMAIL, PHONE, LOYALTY), owners) == {ADA, BEN}
