"""The trail of a credit explains it: each cause on a real hub with a retailer that fails on purpose, and what a
complaint would be about where nothing failed."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.acceptance.test_simulate import Town
from tests.acceptance.town import open_town, someone
from tillbridge.cli.trail import _print, _trails
from tillbridge.diagnose.inquiry import Complaint
from tillbridge.diagnose.model import CAUSES, Cause
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.errors import TillbridgeError
from tillbridge.simulate.book import Book
from tillbridge.simulate.faults import Faults, Often, Refuse
from tillbridge.simulate.hub import Answer
from tillbridge.simulate.receipt import Identifiers

TO_WEB = 'to = "web"\ntrigger = "webhook"\nsla = "30s"\ncheckpoint = true'
POLLED = {TO_WEB: 'to = "web"\ntrigger = "poll"\ninterval = "12h"\nsla = "13h"'}
TIGHT = {TO_WEB: 'to = "web"\ntrigger = "webhook"\nsla = "1s"'}
CANADIAN = {'secret = "secret of the web store"': 'secret = "secret of the web store"\ncurrencies = ["CAD"]'}
GIVES_UP = 'timeout = "2s"\nattempts = 2\nbackoff = "20ms"\nbackoff_max = "20ms"'


@pytest.fixture
async def town(db_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(db_url, tmp_path) as opened:
        yield opened


async def ask(town: Town, method: str, path: str, body: object = None) -> Any:
    """What the hub answers to operations."""
    headers = {"Idempotency-Key": f"{method}-{path}"}
    answer = await town.retailer.hub.call(method, path, town.rig.operations, body=body, headers=headers)
    assert isinstance(answer, Answer), answer
    assert answer.good, answer.body
    return answer.read(dict[str, Any])


async def why(town: Town, credit_id: str | None) -> Mapping[str, Any]:
    """The explanation of a credit's trail."""
    told = (await ask(town, "GET", f"/v1/credits/{credit_id}/trail"))["explanation"]
    assert told["failure"] is (told["cause"] is not None) is (told["complaint"] is None)
    assert told["evidence"], told
    assert told["mend"]
    if told["cause"]:
        assert told["sentence"] == CAUSES[Cause(told["cause"])]
    return dict(told)


async def in_the_end(town: Town, credit_id: str | None, cause: Cause) -> Mapping[str, Any]:
    """The explanation once it has this cause."""
    told: Mapping[str, Any] = {}
    for _ in range(200):
        told = await why(town, credit_id)
        if told["cause"] == cause:
            return told
        await asyncio.sleep(0.03)
    raise AssertionError(f"it is still {told}")


def facts(told: Mapping[str, Any]) -> str:
    return "; ".join(f"{one['source']}: {one['fact']}" for one in told["evidence"])


async def test_no_customer(town: Town) -> None:
    receipt = await town.ring()
    told = await why(town, receipt.credit_id)
    assert (told["cause"], told["risk"]) == ("no-customer", "customer")
    assert facts(told).startswith("pos: No usable identifier")
    assert "voucher" in told["mend"]


async def test_identifier_mismatch_lists_the_nearest(town: Town) -> None:
    ava = someone(town)
    receipt = await town.ring(Identifiers(email=ava.email.replace("@", "x@")))
    told = await why(town, receipt.credit_id)
    assert (told["cause"], told["risk"]) == ("identifier-mismatch", "customer")
    assert told["candidates"][0]["account"] == f"web:{ava.account_id}"
    assert ava.email not in str(told)


async def test_the_command_prints_why(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    receipt = await town.ring(Identifiers(email=someone(town).email.replace("@", "x@")))
    assert receipt.credit_id
    ((now, trail),) = await _trails(town.rig.settings, town.hub.stack, receipt.credit_id)
    _print(now, trail, ZoneInfo("America/New_York"))
    said = " ".join(capsys.readouterr().out.split())
    assert "Cause identifier-mismatch. What the register was given fits no online profile, or several." in said
    assert "Proof pos: No online profile has this e-mail." in said
    assert f"Nearest web:{someone(town).account_id}," in said
    assert "Mend Decide the review with proof from the customer" in said
    assert "Risk The customer cannot spend what they hold." in said
    with pytest.raises(TillbridgeError, match=r"No credit is known as T9999.*that is an activation failure"):
        await _trails(town.rig.settings, town.hub.stack, "T9999")


async def test_a_web_store_is_asked_what_it_shows(town: Town) -> None:
    ava = someone(town)
    receipt = await town.ring(Identifiers(email=ava.email))
    await town.settled()
    settings, stack = town.rig.settings, town.hub.stack
    ((_, trail),) = await _trails(settings, stack, receipt.credit_id, ask=True)
    assert trail.explanation is not None
    assert trail.explanation.complaint is Complaint.BALANCE_INQUIRY
    said = f"Web store was asked: the account {ava.account_id} shows 88.00 USD, 0.00 USD of it spent there"
    assert trail.explanation.evidence[-1].fact == said
    town.retailer.web.intake.book = Book("web", "WEB")
    ((_, trail),) = await _trails(settings, stack, receipt.credit_id, ask=True)
    assert trail.explanation is not None
    assert (trail.explanation.cause, trail.explanation.hop) == (Cause.LOST_IN_HOP, "platform-web")
    town.retailer.set_faults({"web": Faults(no_probe=True)})
    ((_, trail),) = await _trails(settings, stack, receipt.credit_id, ask=True)
    assert trail.explanation is not None
    assert trail.explanation.evidence[-1].fact == "Web store was asked: It answered 405 when asked"


async def test_mapping_rejected_by_the_system(town: Town) -> None:
    town.retailer.set_faults({"web": Faults(reject_currency=("USD",))})
    receipt = await town.ring(Identifiers(email=someone(town).email))
    told = await in_the_end(town, receipt.credit_id, Cause.MAPPING_REJECTED)
    assert facts(told) == "platform-web: Web store refused it, currency: Credits in USD are not accepted here"
    assert (told["risk"], told["hop"]) == ("customer", "platform-web")
    assert told["mend"] == "Change what the map or Web store takes, then replay the handoff."


async def test_mapping_rejected_by_the_map(db_url: str, tmp_path: Path) -> None:
    async with open_town(db_url, tmp_path, CANADIAN) as town:
        receipt = await town.ring(Identifiers(email=someone(town).email))
        told = await why(town, receipt.credit_id)
    assert told["cause"] == "mapping-rejected"
    assert facts(told) == "map: platform-web: web does not accept this currency, only CAD"


async def test_write_back_failed(town: Town) -> None:
    town.retailer.set_faults({"erp": Faults(lock_error=Often(1))})
    receipt = await town.ring(Identifiers(email=someone(town).email))
    told = await in_the_end(town, receipt.credit_id, Cause.WRITE_BACK_FAILED)
    assert "processor-erp: ERP could not take it, lock: The record is locked by another process" in facts(told)
    assert told["risk"] == "books"


async def test_polling_lag_says_when_it_will_be_there(db_url: str, tmp_path: Path) -> None:
    async with open_town(db_url, tmp_path, POLLED) as town:
        receipt = await town.ring(Identifiers(email=someone(town).email))
        await asyncio.sleep(0.3)
        told = await in_the_end(town, receipt.credit_id, Cause.POLLING_LAG)
    assert (told["risk"], told["hop"]) == ("none", "platform-web")
    assert "the next run to Web store is at" in facts(told)
    assert told["due"] > SystemClock().now().isoformat()
    assert "Do not issue it again" in told["mend"]


async def test_lost_in_hop_names_the_hop_and_the_last_that_has_it(db_url: str, tmp_path: Path) -> None:
    async with open_town(db_url, tmp_path, pace=GIVES_UP) as town:
        town.retailer.set_faults({"web": Faults(refuse=Refuse(1, 503, 0))})
        receipt = await town.ring(Identifiers(email=someone(town).email))
        told = await in_the_end(town, receipt.credit_id, Cause.LOST_IN_HOP)
    assert told["hop"] == "platform-web"
    assert "given up on Web store, refused" in facts(told)
    assert "Platform is the last that has it" in facts(told)
    assert told["mend"] == "Mend what Web store refused, then replay the handoff."


async def test_what_is_late_is_lost_while_the_hub_keeps_trying(db_url: str, tmp_path: Path) -> None:
    async with open_town(db_url, tmp_path, TIGHT) as town:
        town.retailer.set_faults({"web": Faults(refuse=Refuse(1, 503))})
        receipt = await town.ring(Identifiers(email=someone(town).email))
        told = await in_the_end(town, receipt.credit_id, Cause.LOST_IN_HOP)
        assert "late on the way to Web store" in facts(told)
        town.retailer.set_faults({"web": Faults()})
        await town.settled()
        told = await why(town, receipt.credit_id)
    assert (told["cause"], told["complaint"]) == (None, "balance-inquiry")
    assert "platform-web: Web store had it after" in facts(told)


async def test_money_that_is_gone_and_still_shown_can_be_spent_twice(db_url: str, tmp_path: Path) -> None:
    async with open_town(db_url, tmp_path, pace=GIVES_UP) as town:
        ava = someone(town)
        receipt = await town.ring(Identifiers(email=ava.email))
        await town.settled()
        town.retailer.set_faults({"web": Faults(refuse=Refuse(1, 503, 0))})
        await town.retailer.web.order(ava.account_id, "30.00", "USD")
        told = await in_the_end(town, receipt.credit_id, Cause.LOST_IN_HOP)
    assert told["risk"] == "double-redemption"


CARD = {"code": "6281670170002304", "currency": "USD", "occurred_at": "2026-11-21T14:02:11-05:00"}


async def test_a_card_goes_from_activation_to_a_manual_bypass(town: Town) -> None:
    card = (await ask(town, "POST", "/v1/cards", CARD))["credit_id"]
    told = await why(town, card)
    assert (told["complaint"], told["risk"]) == ("activation", "customer")
    sold = {"occurred_at": CARD["occurred_at"], "transaction_id": "BY-HAND", "amount": "25.00", "currency": "USD"}
    await ask(town, "POST", f"/v1/credits/{card}/activate", sold)
    await town.settled()
    told = await why(town, card)
    assert (told["cause"], told["risk"]) == ("manual-bypass", "overstated")
    assert facts(told) == (
        "platform: issued for 25.00 USD by operations, and no register transaction or online order stands behind it"
    )


async def test_a_correction_that_does_not_arrive_is_money_made_by_hand(town: Town) -> None:
    receipt = await town.ring(Identifiers(email=someone(town).email))
    await town.settled()
    town.retailer.set_faults({"web": Faults(refuse=Refuse(1, 503))})
    body = {
        "occurred_at": CARD["occurred_at"],
        "reason": "kind",
        "direction": "up",
        "amount": "5.00",
        "currency": "USD",
    }
    await ask(town, "POST", f"/v1/credits/{receipt.credit_id}/adjustments", body)
    told = await in_the_end(town, receipt.credit_id, Cause.MANUAL_BYPASS)
    assert facts(told).startswith("platform: corrected up by 5.00 USD by operations")


async def test_where_all_agree_a_complaint_is_about_what_was_refused_or_shown(town: Town) -> None:
    ava = someone(town)
    receipt = await town.ring(Identifiers(email=ava.email))
    await town.settled()
    told = await why(town, receipt.credit_id)
    assert told["complaint"] == Complaint.BALANCE_INQUIRY
    assert told["sentence"].startswith("It is no handoff failure: the ledger and every system agree.")
    assert facts(told) == "platform: 88.00 USD can be spent"
    spent = {
        "occurred_at": SystemClock().now().isoformat(),
        "transaction_id": "S2",
        "amount": "90.00",
        "currency": "USD",
    }
    path, key = f"/v1/credits/{receipt.credit_id}/redemptions", {"Idempotency-Key": "s2"}
    refused = await town.retailer.hub.call("POST", path, town.rig.operations, body=spent, headers=key)
    assert isinstance(refused, Answer)
    assert not refused.good
    told = await why(town, receipt.credit_id)
    assert (told["cause"], told["complaint"]) == (None, "redemption")
    assert facts(told).startswith("platform: refused to redeem, not-enough-available: amount is more than")
