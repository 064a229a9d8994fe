from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.stack.maps import ENVIRONMENT, GOOD, SAMPLE, good
from tillbridge.kernel.errors import StackFault
from tillbridge.stack.load import load, parse
from tillbridge.stack.model import Retailer, Role, Trigger
from tillbridge.stack.settings import ConvertCurrency, Rate, RenameFields, Rounding, RouteBucket


def test_the_sample_is_read_as_a_chain() -> None:
    stack = load(SAMPLE, {})
    assert [hop.name for hop in stack.hops] == ["registers-platform", "platform-processor", "processor-erp", "erp-web"]
    assert [hop.trigger.value for hop in stack.hops] == ["webhook", "webhook", "batch", "poll"]
    assert stack.authority == "platform"
    assert stack.file == str(SAMPLE)


def test_a_whole_map_is_read() -> None:
    stack = good()
    assert stack.retailer == Retailer("Harbor & Pine", "US", "USD", "America/New_York", "US-NY")
    assert list(stack.systems) == ["registers", "platform", "processor", "erp", "web"]
    processor, erp, web = (stack.systems[name] for name in ("processor", "erp", "web"))
    assert processor.url == "https://pay.example/hub"
    assert processor.secret == "signs-the-payments"
    assert processor.capabilities == {"api", "webhooks", "idempotency", "own_word"}
    assert (erp.role, erp.owner, erp.contact, erp.secret) == (Role.ERP, "Books", "books@shop.example", "")
    assert (web.currencies, web.buckets) == (("USD", "EUR"), ("paid", "refund"))
    assert (web.amount_min, web.amount_max) == ("0.01", "500.00")
    assert (processor.denominations, web.denominations) == (("25.00", "50.00"), ())


def test_a_hop_is_read_with_what_is_left_out() -> None:
    stack = good()
    hop = stack.hop("erp-web")
    assert (hop.trigger, hop.interval, hop.schedule) == (Trigger.POLL, timedelta(hours=12), "")
    assert (hop.sla, hop.checkpoint, hop.attempts) == (timedelta(hours=13), False, 12)
    assert (hop.backoff, hop.backoff_max, hop.timeout) == (
        timedelta(seconds=1),
        timedelta(minutes=5),
        timedelta(seconds=5),
    )
    assert hop.transform == (
        RouteBucket({}, reject=False),
        ConvertCurrency("USD", Rounding.DOWN, {"JPY": (Rate(date(2026, 1, 1), Decimal("0.0064")),)}),
        RenameFields((("amount", "value"), ("credit.last4", "tail")), ("operator",)),
    )


def test_a_hop_is_read_with_what_is_said() -> None:
    stack = good()
    hop = stack.hop("platform-processor")
    assert (hop.attempts, hop.checkpoint) == (3, True)
    assert (hop.backoff, hop.backoff_max) == (timedelta(milliseconds=200), timedelta(seconds=10))
    assert stack.hop("processor-erp").schedule == "0 2 * * *"


def test_hops_are_in_the_order_of_the_way_whatever_the_order_in_the_file() -> None:
    names = [hop.name for hop in good().hops]
    assert names == ["registers-platform", "platform-processor", "processor-erp", "erp-web"]


def test_a_register_over_http_needs_no_address() -> None:
    assert good().systems["registers"].url == ""


def test_a_secret_does_not_show_in_the_values() -> None:
    assert "signs-the-payments" not in repr(good())


def test_the_environment_of_the_process_is_taken_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAY_SECRET", "from-the-process")
    assert parse(GOOD, "stack.toml").systems["processor"].secret == "from-the-process"


def test_windows_line_ends_and_a_mark_at_the_start_are_read(tmp_path: Path) -> None:
    file = tmp_path / "stack.toml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(file, ENVIRONMENT).hops == good().hops


def test_systems_may_be_written_as_inline_tables() -> None:
    text = """
retailer = { name = "S", country = "JP", currency = "JPY", time_zone = "Asia/Tokyo" }
authority.system = "ledger"
systems = { till = { role = "pos", connector = "csv" }, ledger = { role = "platform", connector = "built-in" } }
hops = [{ from = "till", to = "ledger", trigger = "webhook", sla = "2s" }]
"""
    stack = parse(text, "stack.toml", {})
    assert [hop.name for hop in stack.hops] == ["till-ledger"]
    assert stack.deliveries() == ()


def test_no_file_names_the_command_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(StackFault, match="no such file") as caught:
        load(tmp_path / "stack.toml")
    assert caught.value.line == 0
    assert "tillbridge init" in caught.value.mend


def test_a_folder_is_no_map(tmp_path: Path) -> None:
    with pytest.raises(StackFault, match="cannot be read"):
        load(tmp_path)


def test_bytes_that_are_no_text_are_found_on_their_line(tmp_path: Path) -> None:
    file = tmp_path / "stack.toml"
    file.write_bytes(b'[retailer]\nname = "Caf\xe9"\n')
    with pytest.raises(StackFault, match="UTF-8") as caught:
        load(file)
    assert caught.value.line == 2


def test_a_file_that_cannot_be_a_map_is_not_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "stack.toml"
    file.write_bytes(b"#" * 1_000_001)
    with pytest.raises(StackFault, match="larger"):
        load(file)
