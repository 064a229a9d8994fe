from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.simulate.stub_hub import signed
from tillbridge.simulate.signature import Verifier

AT = datetime(2026, 11, 21, 19, 2, tzinfo=UTC)


def test_the_example_of_the_specification_is_accepted() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    verifier = Verifier("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert verifier.fault(headers, b'{"test": 2432232314}', datetime.fromtimestamp(1614265330, UTC)) is None


@pytest.mark.parametrize("secret", ["plain words", "whsec_c2VjcmV0IGJ5dGVz"])
def test_a_secret_is_base64_after_its_prefix_or_plain_text(secret: str) -> None:
    headers = signed(secret, "e:h", b"{}", int(AT.timestamp()))
    assert Verifier(secret).fault(headers, b"{}", AT) is None
    assert Verifier("another").fault(headers, b"{}", AT) is not None


@pytest.mark.parametrize("seconds", [-301, 301])
def test_an_old_or_early_signature_is_refused(seconds: int) -> None:
    headers = signed("secret", "e:h", b"{}", int((AT + timedelta(seconds=seconds)).timestamp()))
    assert "300 s" in (Verifier("secret").fault(headers, b"{}", AT) or "")


@pytest.mark.parametrize("change", [{"webhook-id": "e:other"}, {"webhook-signature": "v1,"}, {"webhook-signature": ""}])
def test_what_was_changed_on_the_way_is_refused(change: dict[str, str]) -> None:
    headers = signed("secret", "e:h", b"{}", int(AT.timestamp())) | change
    assert Verifier("secret").fault(headers, b"{}", AT)


def test_another_body_is_refused() -> None:
    headers = signed("secret", "e:h", b"{}", int(AT.timestamp()))
    assert Verifier("secret").fault(headers, b"[]", AT)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp"])
def test_missing_headers_are_named(missing: str) -> None:
    headers = signed("secret", "e:h", b"{}", int(AT.timestamp()))
    del headers[missing]
    assert missing in (Verifier("secret").fault(headers, b"{}", AT) or "")
