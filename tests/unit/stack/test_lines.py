import tomllib

import pytest

from tillbridge.stack.lines import Path, index_lines

TEXT = '''\
# [not.a.header] key = "no"
title = "a # b"          # yes
"quoted key" = 1
dotted . "inner part" = 2
[servers] # comment
list = [ # [
    "a]",     # "b"
    ["x", "y"],

    { deep = [1,
      2], "k.k" = 'v' },
]
text = """
[fake]
key = \\""" still
"""
raw = \'\'\'
[[fake]]\'\'\'
when = 1979-05-27 07:32:00
inline = { a.b = 1, c = { d = "}" } }
[servers . "al.pha"]
ip = "10.0.0.1"
[[hops]]
from = "a"
[hops.extra]
x = 1
[[hops.more]]
y = 1
[[hops.more]]
y = 2
[[hops]]
from = "b"
'''

PLACES: list[tuple[Path, int]] = [
    (("title",), 2),
    (("quoted key",), 3),
    (("dotted",), 4),
    (("dotted", "inner part"), 4),
    (("servers",), 5),
    (("servers", "list"), 6),
    (("servers", "list", 0), 7),
    (("servers", "list", 1), 8),
    (("servers", "list", 1, 1), 8),
    (("servers", "list", 2), 10),
    (("servers", "list", 2, "deep"), 10),
    (("servers", "list", 2, "deep", 1), 11),
    (("servers", "list", 2, "k.k"), 11),
    (("servers", "text"), 13),
    (("servers", "raw"), 17),
    (("servers", "when"), 19),
    (("servers", "inline", "a", "b"), 20),
    (("servers", "inline", "c", "d"), 20),
    (("servers", "al.pha"), 21),
    (("servers", "al.pha", "ip"), 22),
    (("hops",), 23),
    (("hops", 0), 23),
    (("hops", 0, "from"), 24),
    (("hops", 0, "extra"), 25),
    (("hops", 0, "extra", "x"), 26),
    (("hops", 0, "more", 0, "y"), 28),
    (("hops", 0, "more", 1), 29),
    (("hops", 0, "more", 1, "y"), 30),
    (("hops", 1), 31),
    (("hops", 1, "from"), 32),
]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_every_key_is_found_on_its_line(ending: str) -> None:
    text = TEXT.replace("\n", ending)
    tomllib.loads(text)
    lines = index_lines(text)
    assert {path: lines.of(path) for path, _ in PLACES} == dict(PLACES)


def test_text_that_looks_like_a_table_is_no_place() -> None:
    lines = index_lines(TEXT)
    assert lines.of(("fake",)) == 1
    assert lines.of(("servers", "fake")) == 5


def test_what_is_not_there_is_at_what_is_around_it() -> None:
    lines = index_lines(TEXT)
    assert lines.of(("hops", 1, "to")) == 31
    assert lines.of(("nothing",)) == 1
    assert lines.of(()) == 1


def test_a_table_written_after_a_table_within_it_is_at_its_own_header() -> None:
    lines = index_lines("[a.b]\nx = 1\n[a]\ny = 2\n")
    assert lines.of(("a",)) == 3
    assert lines.of(("a", "b")) == 1


@pytest.mark.parametrize(
    "value",
    [
        '""',
        "''",
        '""""""',
        '"""two "" quotes"""',
        '"""ends with a quote""""',
        "'''it''s'''",
        '"\\"#\\\\"',
        "'\\'",
        "[]",
        "[[], [[]], {}]",
        "[1, 2,]",
        "+1_000.5e3",
        "1979-05-27T07:32:00Z",
        '"""\n\n"""',
        "[\n\n]",
    ],
)
def test_a_value_of_any_form_is_stepped_over(value: str) -> None:
    text = f"first = {value} # comment\nlast = 1"
    tomllib.loads(text)
    assert index_lines(text).of(("last",)) == text.count("\n") + 1


def test_an_empty_text_has_no_places() -> None:
    assert index_lines("").of(("a",)) == 1
