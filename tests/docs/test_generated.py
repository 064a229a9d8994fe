"""What the docs take from the code is as the code says it today. Mended by `make docs`."""

from pathlib import Path

import pytest

from tests.docs import picture
from tests.docs.generated import PARTS, PICTURE, generated_pages, names_in, rewritten
from tests.docs.pages import ROOT

STALE = "is not what the code says; run `make docs`"


@pytest.mark.parametrize("page", generated_pages(), ids=lambda page: page.name)
def test_the_generated_parts_are_current(page: Path) -> None:
    text = page.read_text("utf-8")
    assert rewritten(text) == text, f"{page.relative_to(ROOT)} {STALE}"


def test_every_part_stands_somewhere() -> None:
    used = [name for page in generated_pages() for name in names_in(page.read_text("utf-8"))]
    assert sorted(used) == sorted(PARTS)


def test_the_picture_is_current() -> None:
    assert PICTURE.read_text("utf-8") == picture.path_picture(), f"{PICTURE.relative_to(ROOT)} {STALE}"


def test_the_picture_brings_its_own_paper() -> None:
    assert "svg{background:#fffdf8}" in PICTURE.read_text("utf-8")


def test_a_part_that_was_edited_by_hand_is_made_anew() -> None:
    page = "Before.\n\n<!-- generated: export-columns -->\n\nsomething else\n\n<!-- end -->\n\nAfter.\n"
    mended = rewritten(page)
    assert mended != page
    assert mended.startswith("Before.\n\n<!-- generated: export-columns -->\n\n`transaction_id`, ")
    assert mended.endswith("\n\n<!-- end -->\n\nAfter.\n")
    assert rewritten(mended) == mended


def test_a_part_that_nobody_makes_is_a_fault() -> None:
    with pytest.raises(KeyError):
        rewritten("<!-- generated: nothing -->\n<!-- end -->\n")
