"""The voucher: its codes can be scanned and typed, its PDF is the same each time and holds any name."""

import re
import zlib
from dataclasses import replace
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tillbridge.checkpoint import voucher
from tillbridge.checkpoint.paper import voucher_pdf
from tillbridge.checkpoint.voucher import (
    CLAIM_LETTERS,
    Voucher,
    amount_words,
    qr_runs,
    qr_svg,
    read_claim_code,
)
from tillbridge.kernel.money import Money, exponents, parse

URL = "https://credits.harborpine.example/claim/Ab3_dEf6-hIj9lMn2pQr5tUv8xYz1"
VOUCHER = Voucher(
    retailer="Harbor & Pine",
    store="006",
    register="3",
    operator="op07",
    receipt="T0063-118",
    issued_at=datetime(2026, 11, 21, 14, 2, tzinfo=ZoneInfo("America/New_York")),
    amount="$88.00",
    claim_url=URL,
    claim_code="7QK4-M2XD-9HTR",
)


drawn = cache(voucher_pdf)
"""A PDF takes a moment: each is drawn once, but where drawing it again is the question."""


def scanned(size: tuple[float, float], boxes: list[tuple[float, float, float, float]], scale: float) -> list[str]:
    """What a scanner reads off a picture of dark boxes (left, top, width, height)."""
    picture = Image.new("L", (round(size[0] * scale), round(size[1] * scale)), 255)
    draw = ImageDraw.Draw(picture)
    for left, top, width, height in boxes:
        right, bottom = (left + width) * scale - 1, (top + height) * scale - 1
        draw.rectangle((round(left * scale), round(top * scale), round(right), round(bottom)), fill=0)
    return [code.text for code in zxingcpp.read_barcodes(picture)]


def streams(pdf: bytes) -> str:
    """What a PDF draws, as text."""
    packed = re.findall(rb"/FlateDecode.*?stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    return b"\n".join(zlib.decompress(part) for part in packed).decode("latin-1")


@pytest.mark.parametrize("text", [URL, "http://127.0.0.1:8080/claim/x", "https://shop.example/claim/" + "y" * 200])
def test_the_code_on_the_page_can_be_scanned(text: str) -> None:
    svg = qr_svg(text)
    width = int(re.search(r'viewBox="0 0 (\d+) \1"', svg)[1])  # type: ignore[index]  # a drawing without one fails here
    runs = [tuple(map(int, run)) for run in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", svg)]
    assert scanned((width, width), [(column, row, length, 1) for column, row, length in runs], 4) == [text]
    assert min(min(column, row) for column, row, _ in runs) == 4, "white around it, or no scanner finds it"
    assert "style" not in svg, "the pages refuse styles of their own"


def test_the_code_in_the_pdf_can_be_scanned() -> None:
    pdf = drawn(VOUCHER)
    width, runs = qr_runs(URL)
    boxes = [tuple(map(float, box)) for box in re.findall(r"([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re\b", streams(pdf))]
    assert len(boxes) == len(runs)
    module = min(box[3] for box in boxes)
    # 0.4 mm is what a phone reads off thermal paper with ease; a PDF counts in millimetres here.
    assert module > 0.8
    assert scanned((80, 160), [(left, top, w, h) for left, top, w, h in boxes], 10) == [URL]
    assert module * width == pytest.approx(46, abs=0.1)


def test_the_pdf_is_one_page_80_mm_wide() -> None:
    pdf = drawn(VOUCHER)
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Type /Page\n") == 1
    left, bottom, right, top = map(float, re.search(rb"/MediaBox \[([\d. ]+)\]", pdf)[1].split())  # type: ignore[index]
    assert (left, bottom) == (0, 0)
    assert right == pytest.approx(80 * 72 / 25.4, abs=0.1)
    assert 100 < top * 25.4 / 72 < 160


def test_the_same_voucher_is_the_same_file() -> None:
    assert drawn(VOUCHER) == voucher_pdf(replace(VOUCHER))
    assert drawn(VOUCHER) != voucher_pdf(replace(VOUCHER, claim_code="0000-0000-0000"))


@pytest.mark.parametrize(
    "name",
    ["Łódź Żabka", "Καφέ Ελλάδα", "Магазин Берёзка", "متجر الميناء", "חנות הנמל", "ร้านท่าเรือ", "हार्बर दुकान"],
)
def test_names_of_many_scripts_are_drawn_whole(name: str, caplog: pytest.LogCaptureFixture) -> None:
    voucher_pdf(replace(VOUCHER, retailer=name))
    assert "missing" not in caplog.text


@pytest.mark.parametrize("name", ["港と松", "🎉", "", " ", "\x00\x1b", "\ud800"])
def test_a_name_that_cannot_be_drawn_is_left_out_plainly(name: str, caplog: pytest.LogCaptureFixture) -> None:
    pdf = voucher_pdf(replace(VOUCHER, retailer=name))
    assert pdf == drawn(replace(VOUCHER, retailer="Store credit"))
    assert "missing" not in caplog.text


@settings(max_examples=8, deadline=None)
@given(st.text(max_size=120), st.text(max_size=120), st.text(max_size=120))
def test_whatever_the_register_sends_makes_a_pdf(store: str, operator: str, receipt: str) -> None:
    pdf = voucher_pdf(replace(VOUCHER, store=store, register="", operator=operator, receipt=receipt + "\ud800"))
    assert pdf.startswith(b"%PDF-")


def test_what_the_voucher_says_of_itself() -> None:
    assert VOUCHER.claim_page == "credits.harborpine.example/claim"
    assert VOUCHER.place == "Store 006 · Reg 3"
    assert (VOUCHER.day, VOUCHER.time) == ("21 Nov 2026", "14:02")
    assert replace(VOUCHER, register="").place == "Store 006"
    assert replace(VOUCHER, store="", register="").place == ""
    assert replace(VOUCHER, kind="gift_card").kind_words == "gift card"


@pytest.mark.parametrize(
    ("amount", "currency", "country", "words"),
    [
        ("88.00", "USD", "US", "$88.00"),
        ("412880.15", "USD", "US", "$412,880.15"),
        ("88.00", "USD", "CA", "US$88.00"),
        ("5.00", "CAD", "CA", "$5.00"),
        ("-3.50", "GBP", "GB", "-£3.50"),
        ("1200", "JPY", "", "¥1,200"),
        ("1.234", "KWD", "", "KWD\xa01.234"),
        ("1.255", "IQD", "", "IQD\xa01.255"),
        ("5.00", "USD", "ZZ", "$5.00"),
        ("5.00", "USD", "not a country", "$5.00"),
    ],
)
def test_amounts_for_people(amount: str, currency: str, country: str, words: str) -> None:
    assert amount_words(parse(amount, currency), country) == words


def test_an_amount_that_is_put_together_reads_as_one_that_was_looked_up() -> None:
    for currency, decimals in exponents().items():
        one = 10**decimals
        minors = {
            0,
            1,
            one - 1,
            one,
            10 * one,
            99 * one + 1,
            999 * one,
            1000 * one,
            412880 * one + one // 2,
            10**15,
            -one,
        }
        for country in ("", "US", "CA", "GB", "IN", "ZA", "CH", "DE"):
            for money in (Money(minor, currency) for minor in minors):
                assert amount_words(money, country) == voucher._looked_up(money, country), (money, country)


def test_a_claim_code_is_read_as_people_type_it() -> None:
    for typed in ("7QK4-M2XD-9HTR", "7qk4m2xd9htr", " 7QK4 M2XD 9HTR ", "7qk4–m2xd.9htr"):
        assert read_claim_code(typed) == "7QK4-M2XD-9HTR"
    assert read_claim_code("OIL4-M2XD-9HTR") == "0114-M2XD-9HTR"


@pytest.mark.parametrize(
    "typed", ["", "7QK4", "7QK4-M2XD-9HTRX", "7QK4-M2XD-9HT!", "\uff17QK4-M2XD-9HTR", "U" * 12, "\x00" * 12]
)
def test_what_cannot_be_a_claim_code(typed: str) -> None:
    assert read_claim_code(typed) is None


@given(st.text(CLAIM_LETTERS, min_size=12, max_size=12))
def test_a_claim_code_is_read_back_from_lower_case(letters: str) -> None:
    code = "-".join((letters[:4], letters[4:8], letters[8:]))
    assert read_claim_code(code) == read_claim_code(letters.lower()) == code
