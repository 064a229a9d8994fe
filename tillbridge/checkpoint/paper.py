"""The voucher on paper: a PDF for an 80 mm printer, that any printer prints."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fpdf import FPDF
from fpdf.drawing import PaintedPath
from fpdf.drawing_primitives import DeviceRGB
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

from tillbridge.checkpoint.voucher import Voucher, qr_runs
from tillbridge.stack.sheet.fonts import with_fonts

_BLACK: Final = DeviceRGB(0, 0, 0)
_FONTS: Final = (("paper", "", "figo"), ("paper", "B", "figbo"))
_WIDTH_MM, _MARGIN_MM, _QR_MM = 80, 5, 46


def voucher_pdf(voucher: Voucher) -> bytes:
    """The voucher as a PDF, 80 mm wide and as long as it needs, black on white. The same voucher gives the same bytes.

    Takes about 0.2 s of computing: call it in a thread. Latin, Greek, Cyrillic, Arabic, Hebrew, Thai, Georgian and
    Devanagari are drawn; letters of other scripts are left out here (the printable page has them).
    """
    with _paper(voucher, 1000) as paper:
        height = _write(paper, voucher)
    with _paper(voucher, height) as paper:
        _write(paper, voucher)
        return bytes(paper.output())


@contextmanager
def _paper(voucher: Voucher, height_mm: float) -> Iterator[FPDF]:
    """One empty page with our fonts."""
    pdf = FPDF(format=(_WIDTH_MM, height_mm))
    pdf.set_creation_date(voucher.issued_at)
    pdf.set_title(f"Voucher {voucher.receipt}".encode(errors="replace").decode())
    pdf.set_lang("en")
    pdf.set_margin(_MARGIN_MM)
    pdf.set_auto_page_break(False)
    with with_fonts(pdf, _FONTS):
        pdf.set_text_shaping(True)
        pdf.add_page()
        yield pdf


def _write(pdf: FPDF, voucher: Voucher) -> float:
    """Write the voucher from top to bottom; the height it took, in mm."""
    pdf.set_y(_MARGIN_MM)
    _lines(pdf, _drawable(pdf, voucher.retailer, "B") or voucher.kind_words.capitalize(), 15, bold=True)
    _rule(pdf)
    _pair(pdf, voucher.place, voucher.operator)
    _pair(pdf, voucher.day, voucher.time)
    _rule(pdf)
    _lines(pdf, f"{voucher.kind_words.upper()}, SAFE AND YOURS", 9.5)
    _lines(pdf, voucher.amount, 24, bold=True)
    _lines(pdf, "We could not find your online account. Scan to add this credit to it:", 9.5)
    _qr(pdf, voucher.claim_url)
    _lines(pdf, f"or go to {voucher.claim_page} and type", 9.5)
    _lines(pdf, voucher.claim_code, 12, bold=True)
    _rule(pdf)
    _pair(pdf, "Receipt", voucher.receipt)
    _pair(pdf, "Keep until", "claimed once")
    return float(pdf.get_y()) + _MARGIN_MM


def _lines(pdf: FPDF, text: str, size: float, *, bold: bool = False) -> None:
    style = "B" if bold else ""
    pdf.set_font("paper", style, size)
    drawable = _drawable(pdf, text, style)
    pdf.multi_cell(0, size * 0.46, drawable, align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _pair(pdf: FPDF, left: str, right: str) -> None:
    """Two texts at the two edges of one line; one below the other where they do not fit."""
    if not left and not right:
        return
    pdf.set_font("paper", "", 9.5)
    left, right = _drawable(pdf, left, ""), _drawable(pdf, right, "")
    if pdf.get_string_width(left) + pdf.get_string_width(right) + 4 > pdf.epw:
        pdf.multi_cell(0, 4.6, left, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        pdf.multi_cell(0, 4.6, right, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        return
    pdf.cell(0, 4.6, left, new_x=XPos.LMARGIN, new_y=YPos.TOP)
    pdf.cell(0, 4.6, right, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _rule(pdf: FPDF) -> None:
    y = pdf.get_y() + 2
    pdf.set_line_width(0.2)
    pdf.set_dash_pattern(dash=1, gap=0.8)
    pdf.line(_MARGIN_MM, y, _WIDTH_MM - _MARGIN_MM, y)
    pdf.set_dash_pattern()
    pdf.set_y(y + 2)


def _qr(pdf: FPDF, text: str) -> None:
    """Draw the code as one filled shape, so that no viewer leaves hairlines between its modules."""
    width, runs = qr_runs(text)
    module, left, top = _QR_MM / width, (_WIDTH_MM - _QR_MM) / 2, pdf.get_y()
    with pdf.drawing_context() as context:
        shape = PaintedPath()
        shape.style.fill_color = _BLACK
        shape.style.stroke_color = None
        for run in runs:
            shape.rectangle(left + run.column * module, top + run.row * module, run.length * module, module)
        context.add_item(shape)
    pdf.set_y(top + _QR_MM)


def _drawable(pdf: FPDF, text: str, style: str) -> str:
    """The text without the letters that our font cannot draw."""
    font = pdf.fonts[f"paper{style}"]
    known = font.cmap if isinstance(font, TTFFont) else {}
    return " ".join("".join(letter if ord(letter) in known else " " for letter in text).split())
