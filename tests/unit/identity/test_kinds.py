"""The kinds of identifier are the same words in the code and in the database."""

import re
from importlib import resources

from tillbridge.identity.model import Kind


def test_the_check_names_every_stored_kind() -> None:
    schema = resources.files("tillbridge").joinpath("identity", "schema.sql").read_text("utf-8")
    (words,) = re.findall(r"kind IN \(([^)]*)\)", schema)
    assert set(re.findall(r"'(\w+)'", words)) == {kind.value for kind in Kind} - {Kind.ACCOUNT.value}
