"""The fault switches of a simulated system: what may go wrong, how often, and the draw that decides it."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Annotated, Final

from msgspec import Meta, Struct

from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.money import AmountFault, exponent
from tillbridge.simulate.wire import read

Rate = Annotated[float, Meta(ge=0, le=1)]
"""The share of requests that are hit: 0 is none, 1 is all."""


class Refuse(Struct, frozen=True, forbid_unknown_fields=True):
    """Answer `status` without applying; `retry_after` in seconds goes into the header of that name."""

    rate: Rate
    status: Annotated[int, Meta(ge=400, le=599)] = 503
    retry_after: Annotated[int, Meta(ge=0, le=3600)] | None = None


class Delay(Struct, frozen=True, forbid_unknown_fields=True):
    """Wait `seconds` before doing anything."""

    rate: Rate
    seconds: Annotated[float, Meta(ge=0, le=60)]


class Often(Struct, frozen=True, forbid_unknown_fields=True):
    """A fault that needs no more than a rate."""

    rate: Rate


class Faults(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All switches; one that is left out is off."""

    refuse: Refuse | None = None
    delay: Delay | None = None
    lose_answer: Often | None = None
    lock_error: Often | None = None
    reject_currency: tuple[str, ...] = ()
    lose_webhook: Often | None = None
    no_probe: bool = False


SWITCHES: Final[Mapping[str, str]] = {
    "refuse": 'Send {"rate": 0.02, "status": 503, "retry_after": 1}: rate 0 to 1, status 400 to 599, whole seconds.',
    "delay": 'Send {"rate": 0.1, "seconds": 0.5}: rate 0 to 1, seconds 0 to 60.',
    "lose_answer": 'Send {"rate": 0.01}, rate 0 to 1: applies, then drops the connection without an answer.',
    "lock_error": 'Send {"rate": 0.01}, rate 0 to 1: answers 423 with the code "lock" and applies nothing.',
    "reject_currency": 'Send a list of ISO 4217 currencies, such as ["CAD"]: refused for good with 422.',
    "lose_webhook": 'Send {"rate": 0.01}, rate 0 to 1: the call to the hub is not made.',
    "no_probe": "Send true or false: true answers 405 when asked whether a key was applied, or for a listing.",
}
"""Every switch, with what to send for it."""


def read_faults(body: bytes, allowed: frozenset[str]) -> Faults:
    """The switches out of a request's body. Raises BadInput for a value that cannot be, or a switch not `allowed`."""
    names = ", ".join(name for name in SWITCHES if name in allowed)
    faults = read(body, Faults, {**SWITCHES, "": f"Send a JSON object; the switches here are {names}."})
    for name in SWITCHES:
        if name not in allowed and getattr(faults, name):
            raise BadInput(name, "This system has no such switch", f"The switches here are {names}.")
    for currency in faults.reject_currency:
        try:
            exponent(currency)
        except AmountFault as error:
            raise BadInput("reject_currency", str(error), SWITCHES["reject_currency"]) from None
    return faults


@dataclass(frozen=True, slots=True)
class Mishap:
    """What chance has in store for one request."""

    delay_seconds: float = 0.0
    refuse: bool = False
    lock: bool = False
    lose_answer: bool = False
    lose_webhook: bool = False


def draw(faults: Faults, chance: Random) -> Mishap:
    """Decide for one request. One draw per switch, always in this order: a switch more does not move the others."""
    delayed, refuse, lock, answer, webhook = (chance.random() for _ in range(5))
    return Mishap(
        delay_seconds=faults.delay.seconds if faults.delay and delayed < faults.delay.rate else 0.0,
        refuse=_hit(refuse, faults.refuse),
        lock=_hit(lock, faults.lock_error),
        lose_answer=_hit(answer, faults.lose_answer),
        lose_webhook=_hit(webhook, faults.lose_webhook),
    )


def _hit(drawn: float, switch: Refuse | Often | None) -> bool:
    return switch is not None and drawn < switch.rate


DEMO: Final[Mapping[str, Faults]] = {
    "registers": Faults(lose_answer=Often(0.01)),
    "processor": Faults(refuse=Refuse(0.02, 503, 1), delay=Delay(0.02, 0.25), lose_answer=Often(0.01)),
    "erp": Faults(lock_error=Often(0.02), lose_answer=Often(0.01), lose_webhook=Often(0.01)),
    "web": Faults(refuse=Refuse(0.01), lose_answer=Often(0.01), reject_currency=("CAD",)),
}
"""Now and then a fault, by system: what the demo runs with."""
