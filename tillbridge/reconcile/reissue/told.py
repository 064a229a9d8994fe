"""What a system's answer to the question after one credit means. Pure; a doubt is `CannotTell`."""

import msgspec
from msgspec import Struct

from tillbridge.kernel.money import AmountFault, parse
from tillbridge.reconcile.reissue.ports import CannotTell, NotThere, Shown, Sight


class _Said(Struct):
    shown: bool
    account_id: str = ""
    available: str = ""
    currency: str = ""
    spent: str = ""


def sight_of(status: int, body: bytes) -> Sight:
    """What an answer to `POST {url}/tillbridge/sight` means: 200 with `shown` is its word; all else is none."""
    if status != 200:
        return CannotTell(f"It answered {status} when asked.")
    try:
        said = msgspec.json.decode(body, type=_Said)
        if not said.shown:
            return NotThere()
        spent, available = parse(said.spent or "0", said.currency), parse(said.available, said.currency)
    except (msgspec.DecodeError, UnicodeDecodeError, AmountFault) as error:
        return CannotTell(f"Its answer cannot be read: {error}")
    where = f"the account {said.account_id} shows" if said.account_id else "it has"
    sentence = f"{where} {available}, {spent} of it spent there."
    return Shown(said.account_id, spent.minor > 0, sentence, available)
