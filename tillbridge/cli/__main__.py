"""`tillbridge`: the commands, one file per group."""

import sys

import click

from tillbridge.cli.balance import balance_command
from tillbridge.cli.bench import bench_group
from tillbridge.cli.db import db_group
from tillbridge.cli.demo import demo_command
from tillbridge.cli.init import init_command
from tillbridge.cli.key import key_group
from tillbridge.cli.logs import set_up
from tillbridge.cli.map import map_group
from tillbridge.cli.reissue import reissue_group
from tillbridge.cli.replay import replay_group
from tillbridge.cli.serve import serve_command, work_command
from tillbridge.cli.simulate import simulate_command
from tillbridge.cli.trail import trail_command
from tillbridge.kernel.errors import TillbridgeError
from tillbridge.kernel.settings import read_log_settings


@click.group()
@click.version_option(package_name="tillbridge", prog_name="tillbridge")
def commands() -> None:
    """The hub between a retailer's registers and its online accounts.

    Try it: tillbridge demo
    """


for _command in (
    demo_command,
    init_command,
    serve_command,
    work_command,
    db_group,
    key_group,
    map_group,
    reissue_group,
    replay_group,
    balance_command,
    trail_command,
    simulate_command,
    bench_group,
):
    commands.add_command(_command)


def main() -> None:
    """Run a command. What a person can mend is one sentence and exit status 2; never a trace."""
    try:
        log_form, log_level = read_log_settings()
        set_up(log_form, log_level)
        commands(prog_name="tillbridge")
    except TillbridgeError as error:
        click.echo(f"tillbridge: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
