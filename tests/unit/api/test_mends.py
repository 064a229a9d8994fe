"""The mend of a body names what was expected, not what was sent."""

import pytest

from tillbridge.api.bodies.reading import read_body
from tillbridge.api.bodies.spending import RedeemBody
from tillbridge.kernel.errors import BadInput


def test_a_list_in_place_of_an_object_is_mended_by_an_object() -> None:
    with pytest.raises(BadInput) as wrong:
        read_body(b"[]", RedeemBody)
    assert (wrong.value.field, wrong.value.mend) == ("body", "Send a JSON object.")
