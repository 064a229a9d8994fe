import html
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.unit.stack.maps import ENVIRONMENT, SAMPLE, good
from tests.unit.stack.pdf_text import pdf_words
from tests.unit.stack.test_terminal import STACKS
from tillbridge.stack.draw import path_words
from tillbridge.stack.edition import Edition, canonical, print_of
from tillbridge.stack.example import worked_example
from tillbridge.stack.load import load
from tillbridge.stack.model import Stack
from tillbridge.stack.sheet.document import Code, Drawing, Heading, Prose, Rows, document
from tillbridge.stack.sheet.html import spec_html
from tillbridge.stack.sheet.markdown import spec_markdown
from tillbridge.stack.sheet.pdf import spec_pdf
from tillbridge.stack.spec import Spec, spec_of

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def sheet(stack: Stack) -> Spec:
    data = canonical(stack)
    editions = (
        Edition(
            2,
            AT,
            "hub on till-7",
            print_of(data),
            data,
            ("hop erp-web: SLA 7 h -> 13 h", "system web: owner none -> Web"),
        ),
        Edition(1, AT, "hub on till-7", "0" * 64, {}, ("first edition",)),
    )
    hop = stack.deliveries()[0]
    real = replace(worked_example(stack, hop, AT), real=True)
    return spec_of(stack, AT, editions, {hop.name: real}, 5)


def texts(spec: Spec) -> list[str]:
    """Everything that the sheet says, in order."""
    said: list[str] = []
    for block in document(spec):
        match block:
            case Heading() | Prose():
                said.append(block.text)
            case Code():
                said += [block.led_by, *block.text.splitlines()]
            case Rows():
                said += [*block.head, *(line for row in block.rows for cell in row for line in cell.splitlines())]
            case Drawing():
                assert path_words(block.path)
    return ["".join(text.split()) for text in said]


def of_html(text: str) -> str:
    body = re.sub(r"<svg.*?</svg>", "", text.partition("<main>")[2], flags=re.DOTALL)
    return "".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def of_markdown(text: str) -> str:
    return "".join(re.sub(r"\\([\\|*_`<>])", r"\1", text).split())


def assert_says(whole: str, said: list[str], form: str) -> None:
    at = 0
    for text in said:
        found = whole.find(text, at)
        assert found >= 0, f"{form} does not say {text!r} where it should"
        at = found + len(text)


@pytest.mark.parametrize(
    "stack", [good(), load(SAMPLE, {}), *STACKS.values()], ids=lambda stack: f"{len(stack.hops)} hops"
)
def test_the_three_forms_say_the_same(stack: Stack) -> None:
    spec = sheet(stack)
    said = texts(spec)
    assert_says(of_html(spec_html(spec)), said, "HTML")
    assert_says(of_markdown(spec_markdown(spec)), said, "Markdown")
    pdf = re.sub(r"Integrationspecsheet·page\d+", "", pdf_words(spec_pdf(spec)))
    assert_says(pdf, said, "PDF")


def test_every_system_and_hop_has_its_part() -> None:
    stack = good()
    spec = sheet(stack)
    assert [one.name for one in spec.systems] == list(stack.systems)
    assert [one.name for one in spec.hops] == [hop.name for hop in stack.hops]
    assert spec.version == "edition 2"
    assert spec.authority.startswith("platform is the single source of truth")
    (web,) = (one for one in spec.hops if one.name == "erp-web")
    assert web.trigger == "poll, every 12 h"
    assert [payload.led_by for payload in web.payloads] == [
        "As the hub has it",
        "After route-bucket: any other as it is",
        "After convert-currency: to USD, rounded down, rates from JPY",
        "After rename-fields: amount as value, credit.last4 as tail; without operator",
    ]
    assert web.example.startswith("A worked example")
    (first,) = (one for one in spec.hops if one.name == "platform-processor")
    assert first.example.startswith("A real example: the newest event of this hop, recorded 2026-11-21 11:59 UTC")
    assert dict(first.failure)["attempts"].startswith("Tried at most 3 times")


def test_a_map_that_has_changed_since_it_was_recorded_says_so() -> None:
    spec = spec_of(good(), AT, (Edition(4, AT, "hub", "0" * 64, {}, ()),), {}, 5)
    assert spec.version == "not recorded yet: no hub has run on this map"
    assert spec_of(good(), AT, (), {}, 5).history == ()


def test_no_secret_is_in_any_form() -> None:
    spec = sheet(good())
    for form in (spec_html(spec), spec_markdown(spec), pdf_words(spec_pdf(spec))):
        for secret in (*ENVIRONMENT.values(), "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "A0001440"):
            assert secret not in form


def test_what_the_map_says_is_escaped_and_nothing_is_loaded() -> None:
    stack = good()
    hostile = "<script>alert(1)</script> | **"
    stack = replace(stack, systems={name: replace(one, owner=hostile) for name, one in stack.systems.items()})
    page = spec_html(sheet(stack))
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=|url\(|@import|<link", page)
    assert "\\<script\\>alert(1)\\</script\\> \\| \\*\\*" in spec_markdown(sheet(stack))


def test_the_same_sheet_is_the_same_pdf() -> None:
    assert spec_pdf(sheet(good())) == spec_pdf(sheet(good()))
