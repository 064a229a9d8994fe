"""`tillbridge reissue` as people run it: in processes that are killed, two at once, with customers in between."""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.acceptance.conftest import ACCOUNTS, QUIET_MAP, settings_in
from tests.integration.ledger.wholeness import check_whole
from tillbridge.api.keys import make_key
from tillbridge.cli.__main__ import commands
from tillbridge.credit.model import Issue, Redeem
from tillbridge.identity.directory import profile_of
from tillbridge.identity.model import Given, Profile
from tillbridge.identity.store import take_in
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.db import Db, open_db
from tillbridge.kernel.errors import TillbridgeError
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import CreditNow, Origin, Posted, State
from tillbridge.stack.load import parse
from tillbridge.wiring import open_hub

KILLED = -signal.SIGKILL
SEED = 20261121
KILLS = 4


@dataclass
class Shop:
    """A folder with a map, on a database of its own, and the credits that were issued in it."""

    folder: Path
    database_url: str

    async def issue(self, count: int, *, owned: bool = False) -> list[str]:
        """Issue credits of 1.00, 1.01 ... USD: nobody's, or the first customer's; their ids."""
        stack = parse(QUIET_MAP, "stack.toml", {})
        (self.folder / "stack.toml").write_text(QUIET_MAP, "utf-8")
        settings = settings_in(self.folder, self.database_url)
        async with open_hub(settings, stack, public_url="http://hub.example", deliver=False) as hub:
            owners = []
            for account in ACCOUNTS:
                given = Given(email=str(account["email"]), account_id=str(account["account_id"]))
                profile = profile_of("web", given, "US")
                assert isinstance(profile, Profile)
                (taken,) = await take_in(hub.db, [profile], hub.clock.now(), hub.ids)
                owners.append(taken.customer_id)
            commands = [
                Issue(
                    key=f"sale-{number}", actor="till", occurred_at=hub.clock.now(),
                    origin=Origin("006", "3", "op07", f"T-{number}"), kind="store_credit", bucket="refund",
                    amount=Money(100 + number, "USD"), owner=owners[0] if owned else None, code="", expires_at=None,
                    request={},
                )
                for number in range(count)
            ]  # fmt: skip
            answers = await hub.desk.submit(commands)
            return [str(answer.credit_id) for answer in answers if not isinstance(answer, BaseException)]

    async def spend(self, credit: str) -> None:
        """The customer spends one cent at a register."""
        settings, stack = settings_in(self.folder, self.database_url), parse(QUIET_MAP, "stack.toml", {})
        async with open_hub(settings, stack, public_url="http://hub.example", deliver=False) as hub:
            command = Redeem(
                key="spent", actor="till", occurred_at=SystemClock().now(), credit_id=UUID(credit),
                amount=Money(1, "USD"),
            )  # fmt: skip
            assert isinstance((await hub.desk.post(command)).result, Posted)

    def findings(self, credits: Sequence[str], **changes: object) -> Path:
        """A findings.json that says all of these are orphans of the first account."""
        found = [
            {
                "finding_id": f"F-{number}", "class": "orphan", "cause": "lost-in-hop", "code": credit,
                "transaction_id": f"T-{number}", "store": "006", "register": "3", "operator": "op07",
                "amount": Money(100 + number, "USD").text(), "currency": "USD", "at": None,
                "evidence": [{"at": None, "source": "pos", "fact": "Sold."}], "action": "Void and reissue it.",
                "risk": "customer", "account_id": "A1", "due": None, "candidates": [], **changes,
            }
            for number, credit in enumerate(credits)
        ]  # fmt: skip
        file = self.folder / "findings.json"
        file.write_text(json.dumps({"format": 1, "cut": {}, "status": "findings", "findings": found}), "utf-8")
        return file

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """A command in a process of its own."""
        environment = {**os.environ, "TILLBRIDGE_DATABASE_URL": self.database_url, "COLUMNS": "200"}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tillbridge.cli", "reissue", *arguments, "--data-dir", str(self.folder)),
            *("--stack", str(self.folder / "stack.toml")),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )

    async def tell(self, *arguments: str) -> tuple[int, str, str]:
        """A command's exit status, what it printed and what it complained of."""
        process = await self.start(*arguments)
        async with asyncio.timeout(90):
            out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()

    async def here(self, *arguments: str) -> tuple[int, str]:
        """The same in this process, in a thread with a loop of its own: the exit status and the complaint."""

        def command() -> tuple[int, str]:
            stack = str(self.folder / "stack.toml")
            words = ["reissue", *arguments, "--data-dir", str(self.folder), "--stack", stack]
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("TILLBRIDGE_DATABASE_URL", self.database_url)
                try:
                    commands.main(words, prog_name="tillbridge", standalone_mode=False)
                except TillbridgeError as error:
                    return 2, str(error)
                except SystemExit as status:
                    return int(status.code or 0), ""
            return 0, ""

        return await asyncio.to_thread(command)

    async def verified(self) -> None:
        """`tillbridge db verify` finds nothing wrong."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tillbridge.cli", "db", "verify", "--data-dir", str(self.folder)),
            env={**os.environ, "TILLBRIDGE_DATABASE_URL": self.database_url},
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()


@pytest.fixture
def shop(tmp_path: Path, db_url: str) -> Shop:
    return Shop(tmp_path, db_url)


async def book_of(db: Db) -> list[CreditNow]:
    """Every credit there is."""
    credits: list[CreditNow] = []
    while page := await ledger.page_of_credits(db, credits[-1].credit_id if credits else UUID(int=0), 1000):
        credits += page
    return credits


async def check_one_live_each(url: str, credits: Sequence[str], *, over: bool = True) -> list[CreditNow]:
    """For each credit exactly one is live: a new one that stands in for it, or itself, and frozen only while its repair
    is not `over`; the new ones."""
    async with open_db(url) as db:
        book = await book_of(db)
        live = [one for one in book if one.state is not State.VOID and one.balance > 0]
        assert sorted(str(one.replaces or one.credit_id) for one in live) == sorted(credits)
        assert sum(one.balance for one in live) == sum(100 + number for number in range(len(credits)))
        assert not (over and [one for one in live if one.state is State.FROZEN])
        if over:
            await check_whole(db)
        return [one for one in live if one.replaces]


async def test_plan_approve_run_and_report(shop: Shop) -> None:
    credits = await shop.issue(4)
    file = shop.findings(credits)
    status, out, err = await shop.tell("plan", str(file), "--by", "ann", "--limit", "4.05")
    assert (status, "It needs a second person: it gives more than 4.05 USD" in out) == (0, True), out + err
    assert "4 to be reissued: 4.06 USD." in out
    assert credits[0] not in out, "a list of credits is no list of codes"
    status, out, err = await shop.tell("run", "1", "--by", "ann")
    assert (status, "Somebody other than ann" in err) == (2, True)
    status, out, err = await shop.tell("approve", "1", "--by", "Ann")
    assert (status, "Another person has to approve" in err) == (2, True)
    status, out, err = await shop.tell("approve", "1", "--by", "ben")
    assert (status, "Approved by ben" in out) == (0, True), err
    status, out, err = await shop.tell("run", "1", "--by", "ann")
    assert (status, "4 reissued, and on the way to the web store: 4.06 USD." in out) == (1, True), out + err
    assert "goes out when a hub runs" in out
    assert len(await check_one_live_each(shop.database_url, credits)) == 4
    status, out, _ = await shop.tell("report", "1", "--format", "json")
    report = json.loads(out)
    assert (status, report["states"], report["second_person"]) == (1, {"handed": 4}, True)
    first = report["items"][0]
    assert [step["what"] for step in first["steps"]] == [
        "planned", "approved", "frozen", "proved", "voided", "reissued", "handed"
    ]  # fmt: skip
    assert (first["approved_by"], first["evidence"][0]["fact"]) == ("ben", "Sold.")
    page = shop.folder / "plan.html"
    assert (await shop.here("report", "1", "--html", str(page)))[0] == 1
    assert "4 reissued, and on the way to the web store" in page.read_text("utf-8")
    status, said = await shop.here("report", "1", "--html", str(shop.folder / "no" / "plan.html"))
    assert (status, "cannot be written (No such file" in said) == (2, True)
    status, out, _ = await shop.tell("report", "--format", "csv")
    assert (status, out.splitlines()[1].startswith("1,ann,")) == (0, True)
    status, out, _ = await shop.tell("plan", str(file), "--by", "ann")
    assert (status, out.count("It is in another plan already")) == (1, 1), "what is left alone is told as a sum"
    assert "    4 × It is in another plan already.\nWhat is left alone is listed with --all.\nNothing of it" in out
    status, out, _ = await shop.tell("report", "2", "--all")
    assert (status, out.count("It is in another plan already")) == (1, 5), "each once, and once in the sums"
    await shop.verified()


async def test_without_a_limit_every_plan_needs_a_second_person(shop: Shop) -> None:
    credits = await shop.issue(1)
    _, out, _ = await shop.tell("plan", str(shop.findings(credits)), "--by", "ann")
    assert "It needs a second person: every plan does here, as no limit is set." in out
    status, said = await shop.here("run", "1", "--by", "ann")
    assert (status, "needs a second person: every plan does here, as no limit is set." in said) == (2, True)


async def test_a_ledger_that_is_not_ours_is_refused_before_anything_is_read_or_done(shop: Shop) -> None:
    file = shop.findings(await shop.issue(1))
    assert (await shop.here("plan", str(file), "--by", "ann", "--limit", "9"))[0] == 0
    outside = QUIET_MAP.replace('connector = "built-in"', 'connector = "csv"')
    (shop.folder / "stack.toml").write_text(outside, "utf-8")
    for words in (("plan", str(file), "--by", "ann"), ("run", "1", "--by", "ann")):
        status, said = await shop.here(*words)
        assert status == 2
        assert said.startswith('authority.system: the balances are kept on platform (connector "csv"), and only')
        assert said.endswith('or name a platform with connector = "built-in" as the authority.')
    status, out, _ = await shop.tell("report", "1", "--format", "json")
    assert json.loads(out)["states"] == {"planned": 1}, "a report changes nothing, whoever keeps the balances"


async def test_a_planned_item_is_left_by_a_person(shop: Shop) -> None:
    file = shop.findings(await shop.issue(2))
    assert (await shop.here("plan", str(file), "--by", "ann", "--limit", "9"))[0] == 0
    leave = ("decide", "1", "1", "--leave", "--evidence", "the customer keeps the card", "--by", "carl")
    assert await shop.here(*leave) == (0, "")
    _, out, _ = await shop.tell("report", "1", "--format", "json")
    assert json.loads(out)["states"] == {"planned": 1, "left": 1}


async def test_a_customer_who_spends_between_plan_and_run_keeps_it(shop: Shop) -> None:
    credits = await shop.issue(2, owned=True)
    assert (await shop.tell("plan", str(shop.findings(credits)), "--by", "ann", "--limit", "9"))[0] == 0
    await shop.spend(credits[1])
    status, out, _ = await shop.tell("run", "1", "--by", "ann", "--format", "json")
    states = [(item["state"], item["reason"]) for item in json.loads(out)["items"]]
    assert (status, states) == (1, [("handed", ""), ("left", "spent")])
    async with open_db(shop.database_url) as db:
        kept = await ledger.credit_now(db, UUID(credits[1]))
        assert kept is not None
        assert (kept.state, kept.balance) == (State.ACTIVE, 100)
    await shop.verified()


async def test_killed_again_and_again_each_credit_is_reissued_once(shop: Shop) -> None:
    credits = await shop.issue(40)
    assert (await shop.tell("plan", str(shop.findings(credits)), "--by", "ann", "--limit", "999"))[0] == 0
    chance, killed, done = random.Random(SEED), 0, 0
    while killed < KILLS:
        process = await shop.start("run", "1", "--by", "ann", "--format", "csv")
        before = done
        # Not before it has begun: the first moments of a process are spent on loading it.
        await _moved_on(shop.database_url, before, process)
        await asyncio.sleep(chance.random() * 0.05)
        if process.returncode is None:
            process.kill()
        await process.communicate()
        killed += process.returncode == KILLED
        done = len(await check_one_live_each(shop.database_url, credits, over=False))
        if process.returncode != KILLED:
            break
    assert killed >= 3, f"killed {killed} times only"
    assert 0 < done < 40, "killed in the middle, and not before or after"
    status, out, err = await shop.tell("run", "1", "--by", "ann", "--format", "json")
    assert (status, json.loads(out)["states"]) == (1, {"handed": 40}), err
    assert len(await check_one_live_each(shop.database_url, credits)) == 40
    await shop.verified()


async def _moved_on(url: str, before: int, process: asyncio.subprocess.Process) -> None:
    """Wait until a run has reissued one more, or is over."""
    async with open_db(url, size=1) as db:
        while process.returncode is None:
            if sum(one.replaces is not None for one in await book_of(db)) > before:
                return
            await asyncio.sleep(0.01)


async def test_two_processes_at_once_reissue_once(shop: Shop) -> None:
    credits = await shop.issue(30)
    assert (await shop.tell("plan", str(shop.findings(credits)), "--by", "ann", "--limit", "999"))[0] == 0
    both = await asyncio.gather(*(shop.tell("run", "1", "--by", name, "--format", "json") for name in ("ann", "ben")))
    assert [status for status, _, _ in both] == [1, 1], both
    for _, out, _ in both:
        assert json.loads(out)["states"] == {"handed": 30}
    assert len(await check_one_live_each(shop.database_url, credits)) == 30
    by: dict[str, Any] = {step["by"]: step for item in json.loads(both[0][1])["items"] for step in item["steps"]}
    assert set(by) <= {"ann", "ben"}
    await shop.verified()


async def test_only_what_has_a_cause_that_is_mended(shop: Shop) -> None:
    file = str(shop.findings(await shop.issue(1)))
    assert await shop.here("plan", file, "--by", "ann", "--cause", "lost-in-hop") == (0, "")
    status, said = await shop.here("plan", file, "--by", "ann", "--cause", "no-customer")
    assert (status, "--cause: nothing in findings.json has it" in said) == (2, True)


async def test_a_name_that_is_a_keys_may_no_more_than_the_key(shop: Shop) -> None:
    credits = await shop.issue(1)
    async with open_db(shop.database_url) as db:
        await make_key(db, SystemClock(), "till-3", "register")
        await make_key(db, SystemClock(), "ops", "operations")
    file = str(shop.findings(credits))
    status, err = await shop.here("plan", file, "--by", "till-3")
    assert (status, "The key till-3 may not reissue" in err) == (2, True)
    assert (await shop.here("plan", file, "--by", "ann"))[0] == 0
    status, err = await shop.here("approve", "1", "--by", "till-3")
    assert (status, "The key till-3 may not approve" in err) == (2, True)
    assert (await shop.here("approve", "1", "--by", "ops"))[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", "missing.json", "--by", "ann"), "cannot be read"),
        (("plan", "findings.json", "--by", " "), "--by: ' ' is no name"),
        (("plan", "findings.json", "--by", "ann", "--limit", "1,000"), "--limit: '1,000' is no plain decimal"),
        (("run", "7", "--by", "ann"), "No plan is known as 7"),
        (("report", "7"), "No plan is known as 7"),
        (("approve", "7", "--by", "ben"), "No plan is known as 7"),
        (("decide", "7", "1", "--account", "A1", "--evidence", "saw it", "--by", "ben"), "No item is known as 7.1"),
        (("decide", "7", "1", "--evidence", "saw it", "--by", "ben"), "Give either --account or --leave"),
    ],
)
async def test_what_cannot_be_used_is_one_sentence(shop: Shop, arguments: tuple[str, ...], said: str) -> None:
    (shop.folder / "stack.toml").write_text(QUIET_MAP, "utf-8")
    shop.findings([])
    named = [str(shop.folder / one) if one.endswith(".json") else one for one in arguments]
    status, err = await shop.here(*named)
    assert (status, said in err, "\n" in err) == (2, True, False), err
