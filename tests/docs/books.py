"""Tables for the reference that are made from tuples in the code: settings, refusals, states, accounts, switches."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from tillbridge.api.problems import STATUS_OF_REFUSAL
from tillbridge.checkpoint.sentences import CASHIER
from tillbridge.credit.accounts import HOUSE_OF_BUCKET, HOUSE_OF_VERB
from tillbridge.credit.law import CONDITIONS, NEVER, TOPICS, UNITS, Row
from tillbridge.credit.lawbook import NEEDED, ROW_KEYS, load_law
from tillbridge.kernel.settings import SETTINGS
from tillbridge.ledger.model import REFUSALS, STATES, VERBS, State, Verb
from tillbridge.ledger.states import BIRTHS, TRANSITIONS
from tillbridge.simulate import erp, processor, storefront, till
from tillbridge.simulate.faults import DEMO, SWITCHES
from tillbridge.stack import exports
from tillbridge.stack.assess import CRITERIA

RETRY_WORDS: Final = {
    "safe": "the same key again, later",
    "new_key": "mend it and send a new key",
    "never": "do not send it again",
}
"""What `retry` says, for a reader."""

SYSTEMS_WITH_SWITCHES: Final = {
    "registers": till.SWITCHES,
    "processor": processor.SWITCHES,
    "erp": erp.SWITCHES,
    "web": storefront.SWITCHES,
}
"""Which simulated system has which fault switches."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def settings() -> str:
    """Every setting with its default and its sentence."""
    rows = [(f"`{one.name}`", f"`{one.default}`" if one.default else "blank", one.help) for one in SETTINGS]
    return table(("name", "default", "what it says"), rows)


def refusals() -> str:
    """Every refusal with both of its sentences, in order of precedence."""
    return "\n\n".join(
        f"### `{one.code}`\n\n"
        f"- Answer: {STATUS_OF_REFUSAL[one.code]}; `retry` is `{one.retry}`: {RETRY_WORDS[one.retry]}"
        f"{f'; `field` is `{one.field}`' if one.field else ''}.\n"
        f"- The cashier reads: {one.cashier}\n"
        f"- The engineer reads: {one.engineer}."
        for one in REFUSALS
    )


def refusal_order() -> str:
    """The codes in order of precedence."""
    rows = [(str(place), f"[`{one.code}`](#{one.code})", one.cashier) for place, one in enumerate(REFUSALS, start=1)]
    return table(("order", "code", "the cashier reads"), rows)


def credit_states() -> str:
    """Every state of a credit with its sentence."""
    return table(("state", "meaning"), [(f"`{state.value}`", sentence) for state, sentence in STATES.items()])


def house_accounts() -> str:
    """The two accounts of each command: what is owed, and what stands against it."""
    put_on = [
        (f"issue, activate, load, bucket `{bucket}`", f"`{house}`", f"`owed:{bucket}`")
        for bucket, house in HOUSE_OF_BUCKET.items()
    ]
    others = [row for verb, house in HOUSE_OF_VERB.items() for row in _legs(verb, f"`{house}`")]
    return table(("command", "debit", "credit"), [*put_on, *others])


def _legs(verb: Verb, house: str) -> list[tuple[str, str, str]]:
    """The accounts of a verb that does not look at the bucket: one row for each direction in which it moves money."""
    owed = "`owed:`*bucket*"
    match verb:
        case Verb.REFUND:
            return [(verb.value, house, owed)]
        case Verb.ADJUST:
            return [("adjust, up", house, owed), ("adjust, down", owed, house)]
        case Verb.TRANSFER | Verb.REISSUE:
            return [(f"{verb.value}, from", owed, house), (f"{verb.value}, to", house, owed)]
        case _:
            return [(verb.value, owed, house)]


def verbs() -> str:
    """Every verb with its sentence and what it makes of a credit, state by state."""
    rows = [(f"`{verb.value}`", sentence, _leads(verb)) for verb, sentence in VERBS.items()]
    return table(("verb", "what it does", "from state to state"), rows)


def _leads(verb: Verb) -> str:
    if verb is Verb.UNFREEZE:
        return "frozen to the state before the freeze"
    born = [f"new: {' or '.join(state.value for state in BIRTHS[verb])}"] if verb in BIRTHS else []
    by_next: dict[State, list[str]] = {}
    stays = [state.value for state, after in TRANSITIONS.get(verb, {}).items() if state is after]
    for state, after in TRANSITIONS.get(verb, {}).items():
        if state is not after:
            by_next.setdefault(after, []).append(state.value)
    moves = [f"{', '.join(states)} to {after.value}" for after, states in by_next.items()]
    return "; ".join([*born, *([f"stays {' or '.join(stays)}"] if stays else []), *moves])


def cashier() -> str:
    """The cashier's sentence for each outcome that is no refusal."""
    return table(("outcome", "the cashier reads"), [(f"`{outcome}`", said) for outcome, said in CASHIER.items()])


def switches() -> str:
    """Every fault switch: what to send for it, and which systems have it."""
    rows = [
        (f"`{name}`", _said(sentence), ", ".join(who for who, has in SYSTEMS_WITH_SWITCHES.items() if name in has))
        for name, sentence in SWITCHES.items()
    ]
    return table(("switch", "what to send", "systems that have it"), rows)


def _said(sentence: str) -> str:
    """The sentence with its JSON set as code."""
    start = sentence.find("{") if "{" in sentence else sentence.find("[")
    end = max(sentence.rfind("}"), sentence.rfind("]")) + 1
    return sentence if start < 0 else f"{sentence[:start]}`{sentence[start:end]}`{sentence[end:]}"


def demo_faults() -> str:
    """The switches that the demo sets."""
    rows = [(system, f"`{msgspec.json.encode(faults).decode()}`") for system, faults in DEMO.items()]
    return table(("system", "switches in the demo"), rows)


def export_columns() -> str:
    """The columns of a register's export."""
    return ", ".join(f"`{name}`" for name in exports.SALES)


def law_keys() -> str:
    """The keys of a row of law."""
    rows = [(f"`{key}`", "yes" if key in NEEDED else "no", said) for key, said in ROW_KEYS.items()]
    return table(("key", "needed", "what it says"), rows)


def law_words() -> str:
    """The topics, units and conditions of a row of law."""
    lists = (("topic", TOPICS), ("unit", UNITS), ("condition", CONDITIONS))
    tables = [table((name, "meaning"), [(f"`{word}`", said) for word, said in words.items()]) for name, words in lists]
    return "\n\n".join(tables)


def law_rows() -> str:
    """Every row of law that comes with the product."""
    head = ("place", "rule", "buckets", "in force", "source", "mark")
    parts = []
    for topic in TOPICS:
        rows = [
            (row.place, _rule(row), ", ".join(row.buckets), _span(row), _sourced(row), row.mark)
            for row in load_law(None).rows
            if row.topic == topic
        ]
        parts.append(f"### `{topic}`\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def _rule(row: Row) -> str:
    """`< 15.00 USD`, `5 years`, with what it depends on."""
    if row.value == NEVER:
        said = "never expires"
    else:
        shown = row.operator if row.topic == "cash_out" else "at least"
        said = f"{shown} {row.value} {row.currency or row.unit}"
    return ", ".join([said, *(f"`{name}` {str(value).lower()}" for name, value in row.when.items())])


def _span(row: Row) -> str:
    ends = (("from", row.valid_from), ("to", row.valid_to))
    return " ".join(f"{word} {day.isoformat()}" for word, day in ends if day)


def _sourced(row: Row) -> str:
    dated = f" ({row.source_date})" if row.source_date else ""
    return f"{row.source}{dated}. {row.note}".strip()


def map_criteria() -> str:
    """What is asked of a hop when its map is assessed."""
    rows = [
        (f"`{one.name}`", one.asks, f"{one.weight}, structural" if one.structural else str(one.weight), one.mend)
        for one in CRITERIA
    ]
    return table(("criterion", "what it asks", "weight", "what to do where it is not met"), rows)
