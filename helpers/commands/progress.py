"""Where you stand in all assignments: python -m helpers.commands.progress"""

from helpers.checks import progress

if __name__ == "__main__":
    progress()
