"""`tillbridge`: the commands, one file per group. A command is loaded when it is asked for: none waits for what another
one needs."""

import io
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Final, TextIO

import click

from tillbridge.cli.logs import set_up
from tillbridge.kernel.errors import TillbridgeError
from tillbridge.kernel.settings import read_log_settings

COMMANDS: Final[Mapping[str, str]] = {
    "demo": "demo:demo_command",
    "init": "init:init_command",
    "serve": "serve:serve_command",
    "work": "serve:work_command",
    "db": "db:db_group",
    "key": "key:key_group",
    "map": "map:map_group",
    "reconcile": "reconcile:reconcile_command",
    "reissue": "reissue:reissue_group",
    "replay": "replay:replay_group",
    "balance": "balance:balance_command",
    "trail": "trail:trail_command",
    "simulate": "simulate:simulate_command",
    "bench": "bench:bench_group",
}
"""Every command, with the file of this package and the name in it that it lies under; in the order they are listed."""


class Commands(click.Group):
    """A group whose commands are loaded one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of COMMANDS."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; None when there is none."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"tillbridge.cli.{module}"), name)
        return command


@click.group(cls=Commands)
@click.version_option(package_name="tillbridge", prog_name="tillbridge")
def commands() -> None:
    """The hub between a retailer's registers and its online accounts.

    Try it: tillbridge demo
    """


def whole(output: TextIO) -> TextIO:
    """The same output, through a buffer if it has none; `output` itself is used no more then.

    Python run unbuffered, as containers often have it, hands a long text to the system in one go, and what a pipe did
    not take at once is lost without a word.
    """
    if not isinstance(output, io.TextIOWrapper) or not isinstance(output.buffer, io.RawIOBase):
        return output
    encoding, errors = output.encoding, output.errors
    return io.TextIOWrapper(io.BufferedWriter(output.detach()), encoding, errors, line_buffering=True)


def main() -> None:
    """Run a command. What a person can mend is one sentence and exit status 2; never a trace."""
    sys.stdout = whole(sys.stdout)
    try:
        log_form, log_level = read_log_settings()
        set_up(log_form, log_level)
        commands(prog_name="tillbridge")
    except TillbridgeError as error:
        click.echo(f"tillbridge: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
