"""The fonts of what is printed on paper."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from fpdf import FPDF
from fpdf.fonts import TTFFont
from pymupdf_fonts import myfont  # type: ignore[import-untyped]  # the package says nothing about its types


@contextmanager
def with_fonts(pdf: FPDF, fonts: Sequence[tuple[str, str, str]]) -> Iterator[None]:
    """While the block runs, the paper has these fonts: family, style, and the font's name in its package. FPDF takes
    fonts from files alone, and reads them until it is done."""
    with TemporaryDirectory(prefix="tillbridge-") as folder:
        for family, style, font in fonts:
            file = Path(folder, f"{font}.ttf")
            file.write_bytes(myfont(font))
            pdf.add_font(family, style, file)
        try:
            yield
        finally:
            for read in pdf.fonts.values():
                if isinstance(read, TTFFont):
                    read.ttfont.close()
