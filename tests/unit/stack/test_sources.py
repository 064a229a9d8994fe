"""Sources in the map: what they say, and every kind of nonsense refused with its line and its mend."""

from datetime import timedelta

import pytest

from tests.integration.intake.parts import MAP
from tillbridge.kernel.errors import StackFault
from tillbridge.stack.load import parse
from tillbridge.stack.model import Source, Stack, Trigger

FOLDER = 'kind = "folder", what = "sales", path = "drop"'
PEOPLE = 'kind = "folder", what = "customers", path = "drop", interval = "1h"'
FEED = 'kind = "http", what = "sales", url = "https://pos.example/sales"'
SFTP = 'kind = "sftp", what = "sales", url = "sftp://hub@host", path = "/out", host_key = "ssh-ed25519 AAAA"'


def stack_of(registers: str = "", web: str = "", platform: str = "", **changes: str) -> Stack:
    text = MAP.format(
        registers=f"source = {{ {registers} }}" if registers else "",
        web=f"source = {{ {web} }}" if web else "",
        platform=platform,
    )
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return parse(text, "stack.toml", {"TOKEN": "a token", "KEY": "a key"})


def source_of(text: str) -> Source:
    return stack_of(text).sources()["registers"]


def test_sales_run_in_the_rhythm_of_their_hop() -> None:
    source = source_of(FOLDER)
    assert (source.trigger, source.interval) == (Trigger.POLL, timedelta(minutes=1))
    assert (source.preset, source.pattern, source.settle) == ("pos", "*.csv", timedelta(seconds=5))
    assert source.columns["operator"] == ("operator",)


def test_a_directory_has_a_rhythm_of_its_own() -> None:
    source = stack_of(web=PEOPLE.replace('interval = "1h"', 'schedule = "0 3 * * *"')).sources()["web"]
    assert (source.trigger, source.schedule, source.verified) == (Trigger.BATCH, "0 3 * * *", True)


def test_only_a_storefront_says_what_a_person_has_proved() -> None:
    assert stack_of(web=PEOPLE).sources()["web"].verified
    assert not stack_of(web=f"{PEOPLE}, verified = false").sources()["web"].verified
    assert not source_of(PEOPLE).verified
    with pytest.raises(StackFault, match="only a storefront"):
        source_of(f"{PEOPLE}, verified = true")


def test_columns_words_and_what_is_the_same_go_before_the_preset() -> None:
    more = 'preset = "till-report", columns = { occurred_at = "When", code = [] }, fixed = { currency = "USD" }'
    source = source_of(f'{FOLDER}, {more}, values = {{ bucket = {{ "Return " = "goodwill" }} }}')
    assert source.columns["occurred_at"] == ("When",)
    assert not {"code", "currency"} & set(source.columns)
    assert source.values["bucket"] == {
        "sale": "paid",
        "return": "goodwill",
        "complaint": "goodwill",
        "promotion": "promo",
    }


def test_secrets_are_read_from_the_environment_and_shown_nowhere() -> None:
    stack = stack_of(f'{FEED}, token = "env:TOKEN"')
    assert stack.sources()["registers"].token == "a token"
    assert "a token" not in repr(stack)
    assert source_of(f'{SFTP}, private_key = "env:KEY"').private_key == "a key"
    assert source_of(f'{SFTP}, private_key = "keys/hub"').private_key == "file:keys/hub"


REFUSED = [
    ('kind = "ftp", what = "sales"', "is not known", "Did you mean"),
    ('kind = "folder", what = "stock", path = "x"', "is not known", "Use"),
    ('kind = "folder", what = "sales"', 'kind folder needs "path"', "Add it"),
    ('kind = "http", what = "sales"', 'kind http needs "url"', "Add it"),
    (f'{FOLDER}, token = "x"', "not for sources of kind folder", "Leave it out"),
    (f'{FEED}, path = "x"', "not for sources of kind http", "Leave it out"),
    (f'{FOLDER}, paht = "x"', '"paht" is no key', 'Did you mean "path"?'),
    (f'{FOLDER}, interval = "1m"', "said by the hop", "on the hop"),
    (f'{FOLDER}, preset = "storefront"', "brings customers, not sales", 'Use "pos" or "till-report"'),
    (f'{FOLDER}, columns = {{ worth = "x" }}', '"worth" is no column of sales', "Use"),
    (f"{FOLDER}, columns = {{ amount = [] }}", 'every row needs "amount"', "fixed"),
    (f'{FOLDER}, columns = {{ amount = "x" }}, fixed = {{ amount = "5" }}', "is fixed, and has", "Leave one"),
    (f'{FOLDER}, delimiter = "-"', "is not known", "Use"),
    (f'{FOLDER}, pattern = "a/*.csv"', "names a folder", "path"),
    (f'{FOLDER}, settle = "soon"', "is no duration", "Write a number"),
    (f'{FOLDER}, time_zone = "Mars"', "is not known", ""),
    (f"{FOLDER}, verified = false", '"verified" is for customers', "Leave it out"),
    (f'{FEED}, overlap = "8d"', "longer than a week", "shorter"),
    (f"{FEED}, page = 0", "outside 1 to 10000", "between"),
    (f'{FEED}, token = "env:NO_SUCH"', '"NO_SUCH" is not set', "Set it"),
    ('kind = "http", what = "sales", url = "ftp://x"', "is no address of kind http", "https://"),
    (SFTP, 'one of "password" and "private_key"', "env:NAME"),
    (f'{SFTP}, password = "a", private_key = "b"', 'one of "password" and "private_key"', "env:NAME"),
    (f'{SFTP.replace("hub@", "")}, password = "a"', "is no address of kind sftp", "sftp://user@host:22"),
    (f'{SFTP.replace("hub@", "hub:pw@")}, password = "a"', "is no address", "without a password"),
    (f'{SFTP.replace("ssh-ed25519 AAAA", "AAAA")}, password = "a"', "no public key", "ssh-keyscan"),
]


@pytest.mark.parametrize(("source", "problem", "mend"), REFUSED)
def test_nonsense_is_refused_at_its_line(source: str, problem: str, mend: str) -> None:
    with pytest.raises(StackFault) as caught:
        stack_of(source)
    fault = caught.value
    assert problem in fault.problem
    assert mend in fault.mend
    assert fault.line == MAP.split("{registers}", maxsplit=1)[0].count("\n") + 1


@pytest.mark.parametrize(
    ("web", "problem"),
    [
        (PEOPLE.replace(', interval = "1h"', ""), 'one of "interval" and "schedule"'),
        (f'{PEOPLE}, schedule = "0 3 * * *"', 'one of "interval" and "schedule"'),
        (PEOPLE.replace('interval = "1h"', 'schedule = "never"'), "is no timetable"),
        (FOLDER, 'no hop leads from it to "platform"'),
    ],
)
def test_a_directory_without_a_rhythm_and_sales_without_a_hop(web: str, problem: str) -> None:
    with pytest.raises(StackFault) as caught:
        stack_of(web=web)
    assert problem in caught.value.problem


def test_a_hop_by_which_the_system_sends_needs_no_source() -> None:
    with pytest.raises(StackFault, match="is a webhook: it sends them"):
        stack_of(FOLDER, **{'trigger = "poll"\ninterval = "1m"': 'trigger = "webhook"'})


def test_a_platform_has_no_source() -> None:
    with pytest.raises(StackFault, match="what others are taken in for"):
        stack_of(platform=f"source = {{ {FOLDER} }}")


def test_a_secret_before_stands_beside_a_secret() -> None:
    with pytest.raises(StackFault, match='"secret_before" and no "secret"'):
        stack_of(platform='secret_before = "x"')


@pytest.mark.parametrize("key", ["secret", "secret_before"])
@pytest.mark.parametrize("same", ["it is shared", "whsec_aXQgaXMgc2hhcmVk"])
def test_two_systems_share_no_secret(key: str, same: str) -> None:
    """What one signs would hold as the other's."""
    own = 'secret = "its own"\n' if key == "secret_before" else ""
    with pytest.raises(StackFault, match='is a secret of "platform" as well') as caught:
        stack_of(
            platform='secret = "it is shared"', **{'role = "storefront"': f'role = "storefront"\n{own}{key} = "{same}"'}
        )
    assert "shared" not in str(caught.value)
    assert caught.value.line > MAP.split("{platform}", maxsplit=1)[0].count("\n")
    # One system may write the same twice, while nothing is changed.
    stack_of(platform='secret = "it is shared"\nsecret_before = "it is shared"')
