"""What every floor stands on: money, ids, clock, actor, errors, settings and the database."""
