"""Fixtures of the model half."""

from tests.worker.models import models

__all__ = ["models"]
