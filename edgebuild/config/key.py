"""What there is to say about one key of ``edgebuild.toml``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from edgebuild.config.kinds import Kind
from edgebuild.config.values import Config


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        path: where it stands: ``("model", "io")`` is ``io`` in ``[model]``.
        field: the field of :class:`Config` that it fills; ``"budget.flash"`` for a nested one.
        doc: what it is for, in sentences.
        example: a value as TOML text, for the documentation and the starter file.
        default: words for what holds without it; empty: the dataclass has the value.
        option: the command-line option that overrides it.
        per_target: it may also stand below ``[target.NAME]``.
    """

    path: tuple[str, ...]
    field: str
    kind: Kind
    doc: str
    example: str
    default: str = ""
    option: str | None = None
    per_target: bool = False

    @property
    def dotted(self) -> str:
        """``model.io``, as messages name it."""
        return ".".join(self.path)

    @property
    def default_words(self) -> str:
        """What holds without the key."""
        if self.default:
            return self.default
        value = next(f.default for f in dataclasses.fields(Config) if f.name == self.field)
        return str(value).lower() if isinstance(value, bool) else str(value)
