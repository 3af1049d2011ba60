"""What `make` calls, each `python -m helpers.commands.NAME`: doctor, assignments, figures, grade."""
