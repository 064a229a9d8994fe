"""A hub that has nothing to do costs next to nothing: its process and its database together under 2 % of a core."""

import asyncio
import os
import time
from collections.abc import Iterable
from pathlib import Path

from tillbridge.cli.rig import hub_process, set_up

SETTLE_SECONDS, LOOK_SECONDS = 5.0, 10.0
SHARE_MAX = 0.02


def stat(pid: int) -> list[str]:
    """What Linux says of a process, from its state on; nothing of one that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def family(root: int) -> set[int]:
    """A process and its children."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return {root, *(pid for pid in pids if stat(pid)[1:2] == [str(root)])}


def cpu_seconds(pids: Iterable[int]) -> float:
    """The processor time that processes have used so far."""
    ticks = sum(int(fields[11]) + int(fields[12]) for pid in pids if (fields := stat(pid)))
    return ticks / os.sysconf("SC_CLK_TCK")


async def test_an_idle_hub_costs_under_two_percent_of_a_core(data_dir: Path) -> None:
    rig = await set_up(data_dir)
    async with hub_process(rig) as hub:
        await asyncio.sleep(SETTLE_SECONDS)
        postmaster = int((data_dir / "postgres" / "postmaster.pid").read_text("utf-8").splitlines()[0])
        pids = {hub.pid, *family(postmaster)}
        before, began = cpu_seconds(pids), time.monotonic()
        await asyncio.sleep(LOOK_SECONDS)
        share = (cpu_seconds(pids) - before) / (time.monotonic() - began)
    assert share < SHARE_MAX, f"{share:.2%} of a core"
