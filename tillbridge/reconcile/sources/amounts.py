"""Amounts as exports write them, to minor units; or what is wrong with one, and how to write it."""

import re
from functools import cache
from typing import Final

from tillbridge.kernel.money import AmountFault, parse
from tillbridge.reconcile.sources.layout import Layout
from tillbridge.reconcile.sources.model import Complaint, shown

_MINUS: Final = re.compile(r"[-\u2212\u2013].*[0-9].*|\(.*[0-9].*\)|[0-9].*[0-9]?-", re.DOTALL)
_COMMA_GROUPS: Final = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_POINT_GROUPS: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{3})+,[0-9]+|[0-9]{1,3}(\.[0-9]{3}){2,}")
_OTHER_GROUPS: Final = re.compile(r"[0-9]{1,3}(?:([ \u00a0\u202f'’])[0-9]{3})(?:\1[0-9]{3})*(?:([.,])[0-9]+)?")
_COMMA: Final = re.compile(r"[0-9]+,[0-9]+")
_SIGNED: Final = re.compile(r"[^0-9]{1,5}[0-9]+(\.[0-9]+)?|[0-9]+(\.[0-9]+)? ?[^0-9.,]{1,5}")
_ONE: Final = {" ": "[ \u00a0\u202f]", "'": "['’]"}


def minor(field: str, text: str, currency: str, layout: Layout) -> int | Complaint:
    """The minor units of an amount that is not blank, in a currency that is known."""
    plain = text
    if layout.decimal != "." or layout.thousands:
        spelled = _spelled(layout.decimal, layout.thousands).fullmatch(text)
        if not spelled:
            return _misspelled(field, text, layout)
        plain = re.sub(r"[^0-9]", "", spelled[1]) + (f".{spelled[2]}" if spelled[2] else "")
    try:
        amount = parse(plain, currency)
    except AmountFault as fault:
        return _fault(field, text, currency, fault)
    return amount.minor if amount.minor >= 0 else _below_zero(field, text)


@cache
def _spelled(decimal: str, thousands: str) -> re.Pattern[str]:
    """A number as the layout says that numbers are written: its whole part and its decimals."""
    group = _ONE.get(thousands, re.escape(thousands))
    whole = rf"[0-9]+|[0-9]{{1,3}}(?:{group}[0-9]{{3}})+" if thousands else "[0-9]+"
    return re.compile(rf"({whole})(?:{re.escape(decimal)}([0-9]+))?")


def _below_zero(field: str, text: str) -> Complaint:
    mend = "No credit can be worth less than nothing: find out what this row is, and correct it or take it out."
    return Complaint(field, f"{shown(text)} is below zero", mend)


def _misspelled(field: str, text: str, layout: Layout) -> Complaint:
    if _MINUS.fullmatch(text):
        return _below_zero(field, text)
    keys = f'decimal = "{layout.decimal}" and thousands = "{layout.thousands}"'
    mend = "Write all amounts of the file in one way, and say which in the mapping file."
    return Complaint(field, f'"{shown(text)}" is not written with {keys}', mend)


def _fault(field: str, text: str, currency: str, fault: AmountFault) -> Complaint:
    if fault.code == "too-fine":
        problem = f"{shown(text)} is finer than {currency} allows"
        return Complaint(field, problem, "Round it to the currency's smallest coin where it is made.")
    if fault.code == "too-large":
        return Complaint(field, f"{shown(text)} {currency} is larger than any credit", "Look whether it is an amount.")
    if _MINUS.fullmatch(text):
        return _below_zero(field, text)
    return Complaint(field, f'"{shown(text)}" is no plain amount', _how(text))


def _how(text: str) -> str:
    """How to write it, or which keys of a mapping file read it."""
    if _COMMA_GROUPS.fullmatch(text):
        return f'Write {text.replace(",", "")}, or say thousands = "," in a mapping file.'
    if _POINT_GROUPS.fullmatch(text):
        plain = text.replace(".", "").replace(",", ".")
        return f'Write {plain}, or say decimal = "," and thousands = "." in a mapping file.'
    if _COMMA.fullmatch(text):
        return f'Write {text.replace(",", ".")}, or say decimal = "," in a mapping file.'
    if grouped := _OTHER_GROUPS.fullmatch(text):
        plain = re.sub(r"[^0-9.]", "", text.replace(",", "."))
        between = "'" if grouped[1] in "'’" else " "
        comma = 'decimal = "," and ' if grouped[2] == "," else ""
        return f'Write {plain}, or say {comma}thousands = "{between}" in a mapping file.'
    if _SIGNED.fullmatch(text):
        return "Write the number alone, such as 12.50: the currency has a column of its own."
    return "Write a plain decimal, such as 12.50."
