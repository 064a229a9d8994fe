"""PostgreSQL's own benchmark on the embedded server: what our figures stand beside."""

import asyncio
from pathlib import Path
from typing import Final

from tillbridge.kernel.db import embedded, server_program

SCALE: Final = 10
"""Hundreds of thousands of rows that pgbench updates among."""


async def pgbench(folder: Path, clients: int, seconds: int, *, fresh: bool = True) -> float | None:
    """`pgbench -N` on the embedded server in this folder: transactions a second, or None where there is no pgbench.

    Each transaction updates one row, reads it, and adds one to a history. `fresh` makes its tables anew first.
    """
    program = server_program("pgbench")
    if program is None:
        return None
    url = await asyncio.to_thread(embedded, folder)
    if fresh:
        await _output(program, "-i", "-q", "-s", str(SCALE), url)
    output = await _output(program, "-N", "-c", str(clients), "-j", "2", "-T", str(seconds), url)
    rates = [line.split()[2] for line in output.splitlines() if line.startswith("tps = ")]
    return round(float(rates[0]), 1) if rates else None


async def _output(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    output, _ = await process.communicate()
    return output.decode()
