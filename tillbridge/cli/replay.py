"""`tillbridge replay`: do again what did not get through."""

import click

from tillbridge.cli.replay_customers import customers_command
from tillbridge.cli.replay_handoffs import handoffs_command
from tillbridge.cli.replay_rows import rows_command
from tillbridge.cli.replay_sales import sales_command


@click.group("replay")
def replay_group() -> None:
    """Do again what did not get through. Safe to run twice.

    Example: tillbridge replay sales pos.csv
    """


replay_group.add_command(sales_command)
replay_group.add_command(handoffs_command)
replay_group.add_command(rows_command)
replay_group.add_command(customers_command)
