"""``python -m edgebuild`` is the command ``edgebuild``."""

from edgebuild.cli import main

main()
