"""Whatever one slip does to a good map, it loads or it is a StackFault on one of its lines; never anything else."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.stack.maps import ENVIRONMENT, GOOD
from tillbridge.kernel.errors import StackFault
from tillbridge.stack.load import parse
from tillbridge.stack.model import Stack
from tillbridge.stack.terms import (
    BUCKETS,
    CONNECTORS,
    CRITERIA,
    KEYS,
    LIMITED_VERBS,
    PERS,
    ROLES,
    TRANSFORMS,
    TRIGGERS,
    is_place,
)

PAIR = re.compile(r"^([a-z_]+) = (.*)$", re.MULTILINE)
PAIRS = list(PAIR.finditer(GOOD))
LISTS = (ROLES, TRIGGERS, CONNECTORS, BUCKETS, TRANSFORMS, CRITERIA, PERS, LIMITED_VERBS)
NAMED = ["registers", "platform", "erp", "web", "USD", "JPY", "US-CA", "US", "1.00"]
WORDS = [*(word for words in LISTS for word in words), *NAMED]

NAMES = st.sampled_from(sorted({key.name for key in KEYS})) | st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True)
SCALARS = (
    st.integers(-(10**20), 10**20).map(str)
    | st.sampled_from(["true", "false", "inf", "nan", "1.5", "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z"])
    | st.sampled_from(WORDS).map(lambda word: f'"{word}"')
    | st.from_regex(r"[0-9]{1,6}(ms|s|m|h|d)", fullmatch=True).map(lambda text: f'"{text}"')
    | st.from_regex(r"[0-9*/,LW#-]{1,4}( [0-9*/,LW#-]{1,4}){4}", fullmatch=True).map(lambda text: f'"{text}"')
    | st.text(st.characters(exclude_characters="'", exclude_categories=["Cc", "Cs"]), max_size=20).map("'{}'".format)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(inner, max_size=2).map(
            lambda items: f"{{ {', '.join(f'k{position} = {item}' for position, item in enumerate(items))} }}"
        )
    ),
    max_leaves=5,
)


def loads_or_is_refused(text: str) -> None:
    read = read_or_fault(text)
    if isinstance(read, StackFault):
        assert 1 <= read.line <= text.count("\n") + 1
        assert "\n" not in str(read)
        assert read.problem
        assert read.mend
        return
    assert read.entries()
    assert is_place(read.place_of("006"))
    assert is_place(read.place_of(""))
    assert set(read.burn.buckets) == set(BUCKETS)
    assert read.burn.order
    assert all(limit.verbs and (limit.amount or limit.count) for limit in read.limits)
    assert len({limit.counted() for limit in read.limits}) == len(read.limits)
    for hop in read.deliveries():
        feeding = read.upstream(hop)
        assert feeding is None or read.hops.index(feeding) < read.hops.index(hop)


def read_or_fault(text: str) -> Stack | StackFault:
    try:
        return parse(text, "stack.toml", ENVIRONMENT)
    except StackFault as fault:
        return fault


@settings(max_examples=400, deadline=None)
@given(pair=st.sampled_from(PAIRS), value=VALUES)
def test_another_value(pair: re.Match[str], value: str) -> None:
    loads_or_is_refused(f"{GOOD[: pair.start(2)]}{value}{GOOD[pair.end(2) :]}")


@settings(max_examples=150, deadline=None)
@given(pair=st.sampled_from(PAIRS), name=NAMES)
def test_another_name(pair: re.Match[str], name: str) -> None:
    loads_or_is_refused(f"{GOOD[: pair.start(1)]}{name}{GOOD[pair.end(1) :]}")


@settings(max_examples=150, deadline=None)
@given(pair=st.sampled_from(PAIRS), name=NAMES, value=VALUES)
def test_a_further_key(pair: re.Match[str], name: str, value: str) -> None:
    loads_or_is_refused(f"{GOOD[: pair.start()]}{name} = {value}\n{GOOD[pair.start() :]}")


def test_any_line_left_out() -> None:
    lines = GOOD.splitlines(keepends=True)
    for position in range(len(lines)):
        loads_or_is_refused("".join(lines[:position] + lines[position + 1 :]))


def test_any_line_written_twice() -> None:
    lines = GOOD.splitlines(keepends=True)
    for position in range(len(lines)):
        loads_or_is_refused("".join(lines[: position + 1] + lines[position:]))


def test_any_break_in_the_middle() -> None:
    for position in range(0, len(GOOD), 3):
        loads_or_is_refused(GOOD[:position])


@settings(max_examples=200, deadline=None)
@given(position=st.integers(0, len(GOOD)), scrap=st.text(max_size=4) | st.sampled_from(list("[]{}\"'=.,#\n\\")))
def test_a_slip_of_the_hand(position: int, scrap: str) -> None:
    loads_or_is_refused(GOOD[:position] + scrap + GOOD[position:])
