"""The words of a PDF of ours: what a reader would copy out of it."""

import re
import zlib

_OBJECT = re.compile(rb"(?m)^(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_SHOWN = re.compile(rb"/(F\d+) [\d.]+ Tf|\(((?:\\.|[^\\()])*)\) Tj", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def pdf_words(pdf: bytes) -> str:
    """All texts in the order in which they are drawn, without blanks."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
    fonts = {
        name.decode(): _letters(_stream(objects[_reference(objects[int(number)], b"ToUnicode")]))
        for body in objects.values()
        if b"/Font" in body
        for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", body)
    }
    pages = [body for body in objects.values() if re.search(rb"/Type /Page\b", body)]
    text = "".join(_shown(_stream(objects[_reference(page, b"Contents")]), fonts) for page in pages)
    return "".join(text.split())


def _reference(body: bytes, key: bytes) -> int:
    found = re.search(rb"/%s (\d+) 0 R" % key, body)
    assert found, key
    return int(found[1])


def _stream(body: bytes) -> bytes:
    data = body.split(b"stream\n", 1)[1].rsplit(b"\nendstream", 1)[0]
    return zlib.decompress(data) if b"/FlateDecode" in body else data


def _letters(table: bytes) -> dict[int, str]:
    pairs = re.findall(rb"<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>\n", table)
    return {int(code, 16): bytes.fromhex(letters.decode()).decode("utf-16-be") for code, letters in pairs}


def _shown(content: bytes, fonts: dict[str, dict[int, str]]) -> str:
    letters: dict[int, str] = {}
    said = []
    for font, text in _SHOWN.findall(content):
        if font:
            letters = fonts[font.decode()]
            continue
        raw = re.sub(rb"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), text, flags=re.DOTALL)
        said.append("".join(letters.get(int.from_bytes(raw[at : at + 2]), "?") for at in range(0, len(raw), 2)))
    return " ".join(said)
