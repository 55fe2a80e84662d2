"""What a model file may name besides Keras's own: classes and functions that the user has declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Keras = Literal["keras", "tf_keras"]


@dataclass(frozen=True)
class Own:
    """The names by which one Keras finds what the user has declared.

    Attributes:
        keras: which one.
        file: the user's Python file, for messages; empty: nothing is declared.
        classes: names of classes, with those under which they are registered (``package>Name``).
        elsewhere: names of layer classes that are of the other Keras.
        functions: names of functions, such as activations.
    """

    keras: Keras = "keras"
    file: str = ""
    classes: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()


NO_NAMES = Own()


@dataclass(frozen=True)
class Custom:
    """What the user's Python file declares; by default nothing.

    Attributes:
        file: its name, for messages.
        classes: names of classes, for each Keras.
        functions: names of functions, for both.
    """

    file: str = ""
    classes: Mapping[Keras, frozenset[str]] = field(default_factory=dict)
    functions: frozenset[str] = frozenset()

    def of(self, keras: Keras) -> Own:
        """What ``keras`` finds."""
        other: Keras = "keras" if keras == "tf_keras" else "tf_keras"
        own, others = (self.classes.get(one, frozenset()) for one in (keras, other))
        return Own(keras, self.file, own, others - own, self.functions)


NOTHING = Custom()
