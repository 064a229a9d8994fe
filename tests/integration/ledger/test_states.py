"""Verbs, states and refusals are the same lists in the code and in the database, and lead to the same places."""

import pytest

from tests.integration.ledger.postings import commit_to, issue
from tillbridge.kernel.db import Db, Query
from tillbridge.kernel.errors import DatabaseFault
from tillbridge.ledger.model import REFUSALS, STATES, VERBS, State, Verb
from tillbridge.ledger.states import BIRTHS, becomes

_BECOMES = Query(
    "tests.becomes",
    "SELECT v::text AS verb, s::text AS state, t::text AS thaw, ledger.becomes(v, s, t)::text AS after"
    " FROM unnest(enum_range(NULL::ledger.verb)) AS v, unnest(enum_range(NULL::ledger.state)) AS s,"
    " unnest(array_append(enum_range(NULL::ledger.state), NULL)) AS t",
)
_VALUES = Query(
    "tests.values",
    "SELECT enum_range(NULL::ledger.verb)::text[] AS verbs, enum_range(NULL::ledger.state)::text[] AS states,"
    " enum_range(NULL::ledger.refusal)::text[] AS refusals",
)


async def test_a_verb_leads_to_the_same_state_in_the_code_and_in_the_database(db: Db) -> None:
    rows = await db.fetch(_BECOMES)
    assert len(rows) == len(Verb) * len(State) * (len(State) + 1)
    for row in rows:
        thaw = State(row["thaw"]) if row["thaw"] else None
        after = becomes(Verb(row["verb"]), State(row["state"]), thaw)
        assert row["after"] == (after.value if after else None), dict(row)


async def test_verbs_states_and_refusals_are_the_same_lists_in_the_same_order(db: Db) -> None:
    row = await db.fetch_one(_VALUES)
    assert row is not None
    assert row["verbs"] == [verb.value for verb in Verb] == [verb.value for verb in VERBS]
    assert row["states"] == [state.value for state in State] == [state.value for state in STATES]
    assert row["refusals"] == [refusal.code for refusal in REFUSALS]


@pytest.mark.parametrize("verb", [Verb.ISSUE, Verb.IMPORT])
@pytest.mark.parametrize("state", list(State))
async def test_a_credit_is_born_only_where_its_verb_allows(db: Db, verb: Verb, state: State) -> None:
    posting = issue("k", 0 if verb is Verb.IMPORT else 5, verb=verb, state=state)
    if state in BIRTHS[verb]:
        assert len(await commit_to(db)([posting])) == 1
        return
    with pytest.raises(DatabaseFault, match="does not follow"):
        await commit_to(db)([posting])
