"""``edgebuild.toml`` as frozen dataclasses, read strictly: an unknown key is an error with a suggestion."""

from edgebuild.config.read import Settings, check_files, find, load, place, read
from edgebuild.config.values import Budget, Config, DataSource, Gates, Step

__all__ = [
    "Budget",
    "Config",
    "DataSource",
    "Gates",
    "Settings",
    "Step",
    "check_files",
    "find",
    "load",
    "place",
    "read",
]
