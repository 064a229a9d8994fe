"""Every relative link of the docs leads somewhere, to the heading it names."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.pages import DOCS, ROOT, all_pages, anchors, links


def broken(page: Path) -> Iterator[str]:
    """The links of a page that lead nowhere. Those to other hosts are not followed."""
    for link in links(page):
        name, _, anchor = unquote(link).partition("#")
        if "://" in name or name.startswith("mailto:"):
            continue
        target = (page.parent / name).resolve() if name else page
        if not target.exists():
            yield f"{link}: there is no such file"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            yield f"{link}: there is no such heading"


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert not list(broken(page))


def test_every_page_is_found_from_the_index() -> None:
    reached = {(DOCS / link.partition("#")[0]).resolve() for link in links(DOCS / "README.md") if "://" not in link}
    left_out = [page for page in DOCS.rglob("*.md") if page.resolve() not in reached and page.name != "README.md"]
    assert not left_out, f"docs/README.md does not name {', '.join(page.name for page in left_out)}"


@pytest.mark.parametrize("link", ["missing.md", "other.md#nowhere", "#nowhere"])
def test_a_link_that_leads_nowhere_is_found(tmp_path: Path, link: str) -> None:
    (tmp_path / "other.md").write_text("# Other\n\n## `code`: and more\n")
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n[x]({link})\n")
    assert len(list(broken(page))) == 1


def test_a_link_in_a_block_of_code_is_none(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```text\n[x](missing.md)\n```\n\n[y](#page), [z](https://shop.example/missing.md)\n")
    assert not list(broken(page))
    assert anchors(page) == {"page"}
