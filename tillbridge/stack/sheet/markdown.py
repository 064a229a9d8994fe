"""The spec sheet as Markdown."""

from tillbridge.stack.sheet.document import Block, Code, Drawing, Heading, Prose, Rows, document
from tillbridge.stack.spec import Spec
from tillbridge.stack.terminal import path_lines

_DRAWN_COLUMNS = 80


def spec_markdown(spec: Spec) -> str:
    """The sheet; the path is drawn in letters."""
    return "\n\n".join(map(_written, document(spec))) + "\n"


def _written(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {block.text}"
        case Prose():
            return _escaped(block.text)
        case Code():
            return f"{_escaped(block.led_by)}:\n\n```text\n{block.text}\n```"
        case Drawing():
            drawn = "\n".join(line.text for line in path_lines(block.path, _DRAWN_COLUMNS))
            return f"```text\n{drawn}\n```"
        case Rows():
            return _table(block)


def _table(table: Rows) -> str:
    head = table.head or ("", "")
    lines = [head, tuple("---" for _ in head), *table.rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return _escaped(text).replace("\n", "<br>")


def _escaped(text: str) -> str:
    for letter in "\\|*_`<>":
        text = text.replace(letter, f"\\{letter}")
    return text
