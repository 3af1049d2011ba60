"""What `make` calls, each `python -m helpers.commands.NAME`."""
