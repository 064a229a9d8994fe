"""The spec sheet as a PDF on A4, black on white."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

from tillbridge.stack.draw import (
    BOX_HEIGHT,
    BOX_WIDTH,
    LABEL_MAX,
    NOTE_MAX,
    Arc,
    Layout,
    cut,
    layout,
    lines_above,
    path_words,
    shoulder,
)
from tillbridge.stack.sheet.document import TITLE, Block, Code, Drawing, Heading, Prose, Rows, document
from tillbridge.stack.sheet.fonts import with_fonts
from tillbridge.stack.spec import Spec

_MARGIN_MM: Final = 15
_FONTS: Final = (("sheet", "", "figo"), ("sheet", "B", "figbo"), ("code", "", "cascadia"))
_SIZES: Final = {1: 18.0, 2: 13.0, 3: 11.0, 4: 9.5}
_TEXT, _SMALL = 9.5, 8.0
_LINE: Final = 0.46
"""Millimetres of a line for each point of its letters."""

_NAMED_WIDTHS: Final = (1, 5)
_HISTORY_WIDTHS: Final = (1, 2.2, 2.6, 6)


def spec_pdf(spec: Spec) -> bytes:
    """The sheet. The same spec gives the same bytes. Takes some tenths of a second of computing: call it in a thread.

    Latin, Greek, Cyrillic and some further scripts are drawn; letters of others are left out here (HTML has them).
    """
    with _paper(spec) as pdf:
        for block in document(spec):
            _write(pdf, block)
        return bytes(pdf.output())


class _Sheet(FPDF):
    """Paper with the page's number at its foot."""

    def footer(self) -> None:
        self.set_y(-11)
        self.set_font("sheet", "", 7.5)
        self.cell(0, 4, f"{TITLE} · page {self.page_no()}", align="R")


@contextmanager
def _paper(spec: Spec) -> Iterator[FPDF]:
    """An empty first page with our fonts."""
    pdf = _Sheet(format="A4")
    pdf.set_creation_date(spec.made_at)
    pdf.set_title(TITLE)
    pdf.set_lang("en")
    pdf.set_margin(_MARGIN_MM)
    pdf.set_auto_page_break(True, _MARGIN_MM)
    with with_fonts(pdf, _FONTS):
        pdf.add_page()
        yield pdf


def _write(pdf: FPDF, block: Block) -> None:
    match block:
        case Heading():
            _heading(pdf, block)
        case Prose():
            _lines(pdf, block.text, _TEXT)
        case Code():
            _code(pdf, block)
        case Drawing():
            _drawing(pdf, layout(block.path))
            _lines(pdf, path_words(block.path), _SMALL)
        case Rows():
            _table(pdf, block)


def _heading(pdf: FPDF, heading: Heading) -> None:
    size = _SIZES[heading.level]
    if pdf.get_y() > pdf.h - 40:
        pdf.add_page()
    elif heading.level > 1:
        pdf.ln(size * 0.3)
    _lines(pdf, heading.text, size, bold=True)
    pdf.ln(0.8)


def _lines(pdf: FPDF, text: str, size: float, *, bold: bool = False) -> None:
    style = "B" if bold else ""
    pdf.set_font("sheet", style, size)
    shown = _drawable(pdf, text, f"sheet{style}")
    pdf.multi_cell(0, size * _LINE, shown, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(0.8)


def _code(pdf: FPDF, code: Code) -> None:
    height = (code.text.count("\n") + 3) * _SMALL * _LINE
    if pdf.get_y() + height > pdf.h - _MARGIN_MM and height < pdf.eph:
        pdf.add_page()
    _lines(pdf, f"{code.led_by}:", _SMALL)
    pdf.set_font("code", "", 7.5)
    text = "\n".join(_drawable(pdf, line, "code", kept=True) for line in code.text.split("\n"))
    pdf.multi_cell(0, 7.5 * _LINE, text, border=1, align="L", padding=2, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(1.5)


def _table(pdf: FPDF, table: Rows) -> None:
    pdf.set_font("sheet", "", _TEXT)
    widths = _HISTORY_WIDTHS if table.head else _NAMED_WIDTHS
    with pdf.table(
        col_widths=widths,
        first_row_as_headings=bool(table.head),
        borders_layout="HORIZONTAL_LINES",
        line_height=_TEXT * _LINE,
        padding=0.7,
        text_align="LEFT",
        v_align="TOP",
    ) as rows:
        for cells in ((table.head,) if table.head else ()) + table.rows:
            row = rows.row()
            for cell in cells:
                row.cell("\n".join(_drawable(pdf, line, "sheet") for line in cell.split("\n")))
    pdf.ln(1.5)


def _drawing(pdf: FPDF, drawn: Layout) -> None:
    """The bridge, as wide as the paper at most; a wide one turns a page of its own on its side."""
    scale = min(0.22, pdf.epw / drawn.width)
    left, top = pdf.l_margin, pdf.get_y()
    if top + drawn.height * scale > pdf.h - _MARGIN_MM:
        pdf.add_page()
        top = pdf.get_y()
    for arc in drawn.arcs:
        _arc(pdf, arc, drawn, scale, left, top)
    for place, edge in drawn.boxes:
        pdf.set_line_width(0.7 if place.authority else 0.25)
        x, y = left + edge * scale, top + drawn.ground * scale
        pdf.rect(x, y, BOX_WIDTH * scale, BOX_HEIGHT * scale)
        middle = x + BOX_WIDTH * scale / 2
        _label(pdf, cut(place.label, LABEL_MAX), middle, y + (25 if place.note else 33) * scale, 14 * scale, "B")
        _label(pdf, cut(place.note, NOTE_MAX), middle, y + 43 * scale, 12 * scale, "")
    for arc in drawn.arcs:
        middle, crown = left + (arc.start + arc.end) / 2 * scale, top + arc.top * scale
        *small, truth = lines_above(arc.hop)
        lowest = 29 if truth else 12
        _label(pdf, truth, middle, crown - 10 * scale, 14 * scale, "B")
        for place_, text in enumerate(reversed(small)):
            _label(pdf, text, middle, crown - (lowest + 17 * place_) * scale, 12 * scale, "")
    pdf.set_y(top + drawn.height * scale + 2)


def _arc(pdf: FPDF, arc: Arc, drawn: Layout, scale: float, left: float, top: float) -> None:
    def at(x: int, y: int) -> tuple[float, float]:
        return left + x * scale, top + y * scale

    pdf.set_line_width(0.45)
    start, end, ground, crown = arc.start, arc.end, drawn.ground, arc.top
    if arc.level == 1:
        pdf.bezier([at(start, ground), at((start + end) // 2, 2 * crown - ground), at(end, ground)])
        return
    round_by = shoulder(arc)
    pdf.bezier([at(start, ground), at(start, crown), at(start, crown), at(start + round_by, crown)])
    pdf.line(*at(start + round_by, crown), *at(end - round_by, crown))
    pdf.bezier([at(end - round_by, crown), at(end, crown), at(end, crown), at(end, ground)])


def _label(pdf: FPDF, text: str, middle: float, base: float, size_mm: float, style: str) -> None:
    """A text whose middle stands at a place; its size is in mm."""
    if not text:
        return
    pdf.set_font("sheet", style, size_mm / 0.3528)
    shown = _drawable(pdf, text, f"sheet{style}")
    pdf.text(middle - pdf.get_string_width(shown) / 2, base, shown)


def _drawable(pdf: FPDF, text: str, font: str, *, kept: bool = False) -> str:
    """The text without the letters that the font cannot draw; `kept` keeps its blanks as they are."""
    read = pdf.fonts[font]
    known = read.cmap if isinstance(read, TTFFont) else {}
    shown = "".join(letter if ord(letter) in known else " " for letter in text)
    return shown if kept else " ".join(shown.split())
