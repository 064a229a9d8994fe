"""Every `tillbridge ...` that the docs tell to type is one that the command line takes."""

import re

import pytest

from tests.docs.commands import all_commands, fault, tillbridge_words, typed
from tests.docs.pages import DOCS, Block, all_pages, blocks, prose

CONSOLE = [block for page in all_pages() for block in blocks(page) if block.kind == "console"]
_INLINE = re.compile(r"`(tillbridge [a-z][^`\n]*)`")


@pytest.mark.parametrize("block", CONSOLE, ids=lambda block: block.place)
def test_what_is_typed_is_taken(block: Block) -> None:
    lines = typed(block.text)
    assert lines, f"{block.place}: a console block has at least one line that begins with '$ '"
    faults = [f"{line}: {said}" for line in lines for words in tillbridge_words(line) if (said := fault(words))]
    assert not faults, "\n".join(faults)


def test_there_is_something_to_look_at() -> None:
    names = {words[0] for block in CONSOLE for line in typed(block.text) for words in tillbridge_words(line) if words}
    assert {"init", "map", "key", "serve", "replay", "trail", "balance", "db", "demo", "simulate"} <= names


def test_commands_named_in_a_sentence_are_there() -> None:
    known = {name for name, _ in all_commands()}
    for page in all_pages():
        for said in _INLINE.findall(prose(page)):
            words = said.split()
            name = " ".join(words[:3]) if " ".join(words[:3]) in known else " ".join(words[:2])
            assert name in known, f"{page.name}: there is no {said}"


def test_every_command_has_its_section_with_an_example() -> None:
    page = (DOCS / "reference" / "cli.md").read_text("utf-8")
    for name, command in all_commands():
        assert f"### `{name}`\n" in page
        assert f"{'Try it' if name == 'tillbridge' else 'Example'}: tillbridge " in (command.help or ""), name


def test_the_examples_of_the_help_are_taken() -> None:
    for name, command in all_commands():
        for example in re.findall(r"^(?:Example|Try it): (tillbridge .+)$", command.help or "", re.MULTILINE):
            (words,) = tillbridge_words(example)
            assert not fault(words), f"{name}: {example}: {fault(words)}"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("tillbridge demo --headless", [["demo", "--headless"]]),
        (".venv/bin/tillbridge db totals | tee totals.csv", [["db", "totals"]]),
        ("TILLBRIDGE_PORT=0 tillbridge serve --stack 'a b.toml'", [["serve", "--stack", "a b.toml"]]),
        ("WEB=$(tillbridge key add web --role system)", [["key", "add", "web", "--role", "system"]]),
        ("cd shop && tillbridge map check; tillbridge work", [["map", "check"], ["work"]]),
        ("tillbridge db totals > totals.txt 2> log", [["db", "totals"]]),
        ("tillbridge db totals 2> log", [["db", "totals"]]),
        ("tillbridge reissue decide 2 1 --by carl", [["reissue", "decide", "2", "1", "--by", "carl"]]),
        ("make demo", []),
        ("pip show tillbridge", []),
    ],
)
def test_calls_are_told_from_the_rest_of_a_line(line: str, words: list[list[str]]) -> None:
    assert tillbridge_words(line) == words


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("demo --headles", "No such option"),
        ("demo --credits many", "not a valid integer"),
        ("key add till", "role is missing"),
        ("key list --format xml", "is not one of"),
        ("replay sales", "file is missing"),
        ("trail T1 T2", "nobody reads T2"),
        ("bridge", "is no command"),
        ("db", "name a command"),
    ],
)
def test_what_is_not_taken_is_found(line: str, part: str) -> None:
    assert part in fault(line.split())


@pytest.mark.parametrize(
    "line", ["--version", "--help", "db --help", "trail T1 --format csv", "replay sales not-there.csv"]
)
def test_what_is_taken_passes(line: str) -> None:
    assert not fault(line.split())


def test_continued_lines_are_one() -> None:
    assert typed("$ tillbridge replay sales a.csv \\\n    --format json\n2 confirmed\n$ ls\n") == [
        "tillbridge replay sales a.csv      --format json",
        "ls",
    ]
    assert typed("$ curl -d '{\n$ 1\n}'\nanswer\n$ ls\n") == ["curl -d '{\n$ 1\n}'", "ls"]
