"""The page on files and feeds: its map loads, its files are taken in, and its commands print what it shows."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.docs.commands import typed
from tests.docs.pages import DOCS, blocks
from tillbridge.stack.load import parse
from tillbridge.stack.model import SourceKind

PAGE = DOCS / "howto" / "take-in-files-and-feeds.md"
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


def of_kind(kind: str) -> list[str]:
    return [one.text for one in blocks(PAGE) if one.kind == kind]


def shown() -> list[tuple[str, str]]:
    """The commands of the page in order, each with what it prints."""
    pairs: list[tuple[str, str]] = []
    for text in of_kind("console"):
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            (command,) = typed(f"$ {part.splitlines()[0]}")
            pairs.append((command, part.split("\n", 1)[1]))
    return pairs


async def printed(command: str, folder: Path, db_url: str) -> str:
    """What a command line prints in a folder, with ids masked. Its exit status may say that rows are still bad."""
    hub = {"TILLBRIDGE_DATABASE_URL": db_url, "TILLBRIDGE_DATA_DIR": str(folder), "TILLBRIDGE_STACK": "stack.toml"}
    python = f'"{sys.executable}" -m tillbridge.cli '
    process = await asyncio.create_subprocess_shell(
        re.sub(r"^tillbridge ", lambda _: python, command),
        stdout=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**os.environ, **hub},
    )
    out, _ = await process.communicate()
    assert process.returncode in (0, 1), command
    return _ID.sub("ID", out.decode())


async def test_the_commands_print_what_the_page_shows(db_url: str, tmp_path: Path) -> None:
    for place, kind, name in (("people", "csv people.csv", "people.csv"), ("sales", "csv monday.csv", "monday.csv")):
        folder = tmp_path / "drop" / place
        folder.mkdir(parents=True)
        (folder / name).write_text(of_kind(kind)[0])
    (tmp_path / "stack.toml").write_text(of_kind("toml")[0])
    for command, output in shown():
        assert await printed(command, tmp_path, db_url) == output, command


@pytest.mark.parametrize("line", of_kind("toml")[1:], ids=lambda line: line.split('"')[1])
def test_the_sources_of_the_page_load(line: str) -> None:
    text = re.sub(r'^source = .*"sales".*$', lambda _: line.strip(), of_kind("toml")[0], flags=re.MULTILINE)
    source = parse(text, "stack.toml", {"POS_TOKEN": "a token"}).sources()["registers"]
    assert source.kind in SourceKind
