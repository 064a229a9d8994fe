"""What is fetched: sources and their runs, files read, rows set aside, messages heard."""
