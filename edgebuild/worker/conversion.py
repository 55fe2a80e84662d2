"""From a Keras model to a .tflite: in the end, and of what each compression step made.  Child only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from edgebuild import convert, loaders
from edgebuild.errors import UnsupportedError
from edgebuild.worker import seeding
from edgebuild.worker.clock import Clock
from edgebuild.worker.job import Job


@dataclass(frozen=True, eq=False)
class Conversion:
    """How a job's models are converted.

    Attributes:
        settings: of the precision, read and checked.
        calibration: None where the precision needs none.
    """

    job: Job
    clock: Clock
    precision: convert.Precision
    settings: Any
    calibration: convert.Fed | None

    def result(self, model: loaders.Loaded, progress: Callable[[float], None]) -> convert.Result:
        """The .tflite that the job asks for.

        Raises:
            UnsupportedError: the converter refuses an operator, or leaves it in float32.
        """
        return self._converted(model, self.settings, progress)

    def size(self, model: loaders.Loaded, number: int) -> dict[str, Any]:
        """``bytes`` of the .tflite of the model behind ``number`` steps, which is left as ``step-NUMBER.tflite``.

        Nothing where the job does not ask for it, and of the last step, whose model is converted in the end; the
        reason, ``unmeasured``, where it cannot be converted.
        """
        steps = self.job.steps
        if not self.job.each_step or number == len(steps):
            return {}
        quick = replace(self.settings, **self.precision.quick)
        words = f"converting what {steps[number - 1].technique if number else 'the training'} made"
        with self.clock.stage("size", words, self.job.limits.convert) as progress:
            try:
                content = self._converted(model, quick, progress).content
            except UnsupportedError as error:
                return {"unmeasured": error.rule}
        (self.job.out / f"step-{number}.tflite").write_bytes(content)
        return {"bytes": len(content)}

    def _converted(self, model: loaders.Loaded, settings: Any, progress: Callable[[float], None]) -> convert.Result:
        seeding.restart(self.job.seed)
        source = convert.Source(
            place=str(self.job.model),
            name=model.name,
            call=model.call,
            inputs=tuple(convert.Port(entry.name, entry.shape, entry.dtype) for entry in model.inputs),
            layers=model.layers,
            variables=model.variables,
        )
        return self.precision.convert(source, self.calibration, self.job.io, progress, settings)
