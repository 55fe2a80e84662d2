"""Everything random starts from the job's seed, whatever ran before it.  Child only; imports no TensorFlow itself."""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np


def restart(seed: int) -> None:
    """Seed Python, numpy, and what of TensorFlow and the two Keras is imported."""
    random.seed(seed)
    np.random.seed(seed)
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(seed)
    for name in ("keras", "tf_keras"):
        if name in sys.modules:
            sys.modules[name].utils.set_random_seed(seed)


def watch(seed: int) -> None:
    """Seed TensorFlow as soon as somebody imports it, which the user's own data function may do.

    A ``tf.data`` pipeline takes its seeds when it is built, perhaps while the user's file is still being read, so
    that it is too late afterwards.
    """
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _Watch(seed))


class _Watch(MetaPathFinder):
    """Finds ``tensorflow`` as it would be found anyway, and seeds it once it has been run."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            execute = loader.exec_module

            def execute_and_seed(module: ModuleType) -> None:
                execute(module)
                tensorflow: Any = module
                tensorflow.random.set_seed(self.seed)
                tensorflow.config.experimental.enable_op_determinism()  # parallel maps draw in order, too

            loader.exec_module = execute_and_seed
        return spec
