"""Sales of the benchmark: keys as registers make them, no two alike, and bodies that the hub takes."""

from datetime import UTC, datetime
from uuid import UUID

from tillbridge.api.bodies.credits import IssueBody
from tillbridge.api.bodies.reading import read_body
from tillbridge.api.bodies.spending import RedeemBody
from tillbridge.cli.sales import REGISTERS, STORES, Sales
from tillbridge.credit.keys import plain_key

AT = datetime(2026, 11, 11, 9, 0, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)


def sales() -> Sales:
    return Sales(AT, [(ONE, "ava.reed@example.com"), (TWO, "ben.cole@example.com")])


def test_each_register_rings_once_a_second() -> None:
    made = sales()
    rung = [made.issue() for _ in range(2 * STORES * REGISTERS)]
    keys = [one.key for one in rung]
    assert len(set(keys)) == len(keys)
    assert keys[0] == "001-1-2026-11-11T09:00:00Z"
    assert keys[STORES * REGISTERS] == "001-1-2026-11-11T09:00:01Z"
    assert all(plain_key(key) == key for key in keys)
    assert len({(one.origin.store, one.origin.register) for one in rung}) == STORES * REGISTERS
    assert [one.owner for one in rung[:3]] == [ONE, TWO, ONE]


def test_a_cent_is_taken_of_the_credit_that_was_named() -> None:
    command = sales().redeem(TWO)
    assert command.credit_id == TWO
    assert command.amount.text() == "0.01"
    assert command.occurred_at == AT


def test_requests_are_such_as_the_hub_takes() -> None:
    made = sales()
    head, _, body = made.issue_request("http://127.0.0.1:1", "tb_key").partition(b"\r\n\r\n")
    issue: IssueBody = read_body(body, IssueBody)
    assert (issue.amount, issue.customer.email, issue.store) == ("1000.00", "ava.reed@example.com", "001")
    assert b"Idempotency-Key: 001-1-2026-11-11T09:00:00Z" in head
    head, _, body = made.redeem_request("http://127.0.0.1:1", "tb_key", TWO).partition(b"\r\n\r\n")
    redeem: RedeemBody = read_body(body, RedeemBody)
    assert (redeem.amount, redeem.register) == ("0.01", "2")
    assert head.startswith(f"POST /v1/credits/{TWO}/redemptions HTTP/1.1".encode())
