"""Every place that can make a balance larger is on a list, with what stands against it. A new one has to be put there.

There is no way to add balance to an online account without voiding its counterpart, but for a sale, a refund of what
was spent, and a person's correction that a second person agrees to. What each of these refuses is tested in
tests/acceptance/test_no_money_from_nothing.py.
"""

import ast
import re
from pathlib import PurePosixPath

import pytest

from tests.house.code import mentions
from tests.house.tree import ROOT, files, found
from tillbridge.api.routes import ROUTES
from tillbridge.api.verbs import VERB_DOORS
from tillbridge.kernel.actor import Right
from tillbridge.ledger.states import Verb

MORE = {
    Verb.ISSUE: "a sale or a return, under the register's key; a manual one above the limit has a second person",
    Verb.ACTIVATE: "the sale of a card, under the register's key",
    Verb.LOAD: "a sale, under the register's key; a manual one above the limit has a second person",
    Verb.REFUND: "no more than was spent of this credit in the transaction that it names",
    Verb.REISSUE: "the old credit is void in the same commit, for the same amount",
    Verb.TRANSFER: "the other credit loses as much in the same commit",
    Verb.ADJUST: "a reason; above the limit a second person",
}
"""The verbs that can make a balance larger, and what stands against each."""

_COMMANDS = {
    f"tillbridge.credit.model.{name}"
    for name in ("Issue", "Activate", "Load", "Refund", "Reissue", "Transfer", "Adjust")
} | {"tillbridge.ledger.model.Posting", "tillbridge.ledger.model.Birth", "tillbridge.checkpoint.model.Sale"}

MAKERS = {
    "tillbridge/api/intake.py Sale": "POST /v1/credits and a batch: the right to issue",
    "tillbridge/api/verbs.py Activate": "the right to activate",
    "tillbridge/api/verbs.py Adjust": "the right to adjust, a reason, and above the limit a second person",
    "tillbridge/api/verbs.py Load": "the right to load",
    "tillbridge/api/verbs.py Refund": "the right to refund, and the transaction it was spent in",
    "tillbridge/api/verbs.py Reissue": "the right to reissue; voids in the same commit",
    "tillbridge/api/verbs.py Transfer": "the right to transfer; takes as much from the other",
    "tillbridge/checkpoint/command.py Issue": "what a register's sale becomes",
    "tillbridge/checkpoint/decisions.py Reissue": "a decision with evidence; voids in the same commit",
    "tillbridge/checkpoint/intake/rows.py Sale": "a row of a register's export, under the register's key",
    "tillbridge/cli/sales.py Issue": "a benchmark's own database",
    "tillbridge/credit/postings.py Birth": "how a command is written down",
    "tillbridge/credit/postings.py Posting": "how a command is written down",
    "tillbridge/reconcile/reissue/ours.py Reissue": "a plan that was approved; voids in the same commit",
}
"""The places that make such a command, and what lets them."""

DOORS = {
    "activate": Right.ACTIVATE,
    "load": Right.LOAD,
    "refund": Right.REFUND,
    "reissue": Right.REISSUE,
    "transfer": Right.TRANSFER,
    "adjust": Right.ADJUST,
}


def makers(path: PurePosixPath, text: str) -> list[str]:
    """The commands that a file makes by which a balance can grow."""
    tree = ast.parse(text, str(path))
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = {full for node, full in mentions(tree) if id(node) in called}
    return sorted(f" {full.rpartition('.')[2]}" for full in names & _COMMANDS)


def growing() -> set[str]:
    """The verbs that the ledger lets a balance grow by, as the database decides it."""
    text = (ROOT / "tillbridge/ledger/decide.sql").read_text("utf-8")
    (change,) = re.findall(r"change := CASE\n(.*?)\n +END;", text, re.DOTALL)
    lines = [line for line in change.splitlines() if re.search(r"THEN amount$|ELSE amount END$", line)]
    return {verb for line in lines for verb in re.findall(r"'([a-z-]+)'", line)}


def test_the_verbs_that_make_a_balance_larger_are_these() -> None:
    assert growing() == {verb.value for verb in MORE}


def test_the_places_that_can_make_a_balance_larger_are_these() -> None:
    assert set(found(makers, files("tillbridge/**/*.py"))) == set(MAKERS)


def test_every_door_to_more_money_asks_for_its_right() -> None:
    rights = {door.name: door.right for door in VERB_DOORS}
    assert {name: rights[name] for name in DOORS} == DOORS
    for route in ROUTES:
        assert route.right is not None or route.method == "GET", f"{route.method} {route.path} is open to anybody"
    (issue,) = [route for route in ROUTES if (route.method, route.path) == ("POST", "/v1/credits")]
    assert issue.right is Right.ISSUE


def test_the_repair_makes_no_money_but_by_voiding() -> None:
    lines = found(makers, files("tillbridge/reconcile/**/*.py"))
    assert lines == ["tillbridge/reconcile/reissue/ours.py Reissue"]


@pytest.mark.parametrize(
    "snippet",
    [
        "from tillbridge.credit.model import Issue\ncommand = Issue(key='x')",
        "from tillbridge.credit import model as verbs\ncommand = verbs.Load(key='x')",
        "import tillbridge.credit.model\ncommand = tillbridge.credit.model.Adjust(key='x')",
        "from tillbridge.ledger.model import Posting as P\np = P(key='x')",
    ],
)
def test_the_rule_can_fail(snippet: str) -> None:
    assert makers(PurePosixPath("tillbridge/console/hub.py"), snippet)
    assert not makers(PurePosixPath("tillbridge/console/hub.py"), "from tillbridge.credit.model import Issue\nx: Issue")
