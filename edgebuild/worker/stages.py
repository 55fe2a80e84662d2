"""What the worker process does, in order: look, load, read data, compress, convert, write down.  Child only.
TensorFlow is imported by functions called from the stage ``start`` on, never before the model has been vetted.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from edgebuild import cache, compress, convert, loaders
from edgebuild.config import Step
from edgebuild.errors import EdgebuildError, UsageError
from edgebuild.worker import data, seeding, user_code
from edgebuild.worker.clock import Clock, Report
from edgebuild.worker.conversion import Conversion
from edgebuild.worker.job import Job


def run(job: Job, report: Report) -> None:
    """Do ``job`` and leave its files in ``job.out``.

    Raises:
        EdgebuildError: whatever went wrong, as one of its subclasses.
    """
    clock = Clock(report)
    if job.task != "convert":
        seeding.watch(job.seed)  # these need no TensorFlow, but the user's data functions may
    if job.task == "data":
        _evaluation(job, clock, tuple(loaders.Input(name, shape, "float32") for name, shape in job.inputs))
    elif job.task == "split":
        from edgebuild.worker import halves

        with clock.stage("data", "reading training data", job.limits.data):
            halves.write(job)
    else:
        try:
            _convert(job, clock)
        except Exception as error:
            if isinstance(error, EdgebuildError) or job.custom is None or not user_code.raises_in(job.custom, error):
                raise
            remedy = "mend the layer, or leave out the step that changes what it is given"
            raise user_code.raised(str(job.custom), job.custom, error, remedy) from error
    sources = (job.calibration, job.evaluation, job.training, job.validation, job.loss, job.metric)
    if job.custom or any(source is not None and source.kind == "python" for source in sources):
        from edgebuild.worker import reads

        (job.out / "files_read.json").write_text(json.dumps(reads.digests(), indent=1) + "\n")


def _convert(job: Job, clock: Clock) -> None:
    limits = job.limits
    with clock.stage("inspect", "reading the model", limits.load):
        job, quantization = _prepared(job)
        precision, techniques = _check(job)
        loader = loaders.find(loaders.recognise(job.model))
        if job.custom is None:
            loader.inspect(job.model, allow_unsafe=job.allow_unsafe_model)
    with clock.stage("start", "starting TensorFlow", limits.start):
        _start(job)
    own = loaders.NOTHING
    if job.custom is not None:
        from edgebuild.worker import custom

        with clock.stage("custom", f"reading {job.custom.name}", limits.data):
            own, digest = custom.read(job.custom, job.seed)
            job = replace(job, code=cache.key(job.code, digest) if job.code else "")
        with clock.stage("inspect", "reading the model", limits.load):  # only now is it known what it may name
            loader.inspect(job.model, allow_unsafe=job.allow_unsafe_model, custom=own)
    with clock.stage("load", "loading the model", limits.load):
        model = loader.load(job.model, allow_unsafe=job.allow_unsafe_model)
        if job.steps:
            model = loaders.for_compression(model, job.model, own)
    evaluation = _evaluation(job, clock, model.inputs)
    calibration = training = None
    from edgebuild.worker import steps as compression
    from edgebuild.worker.accuracy import right, size, write_right

    with clock.stage("data", "reading calibration and training data", limits.data):
        if job.calibration is not None and precision.calibrates:
            calibration = data.calibration(job, model.inputs)
        if any(technique.trains for technique, _ in techniques):
            training = data.training(job, own, model.inputs)
    if training is not None and any(compress.course(step.technique, step.settings).distill for step in job.steps):
        with clock.stage("teach", "asking the model what it answers", limits.measure):
            training = compression.taught(training, model)

    def measure(loaded: loaders.Loaded, keep: bool = False) -> float | None:
        with clock.stage("measure", "measuring accuracy", limits.measure) as progress:
            known = right(loaded.call, loaded.batch, evaluation, progress)
        if known is not None and keep:
            write_right(job.out, known)
        return None if known is None else float(known.mean())

    float_accuracy = measure(model, keep=True)
    before = {**size(model.model), "accuracy": float_accuracy} if techniques else {}

    def run_step(number: int, keras_model: Any) -> Any:
        step, (technique, settings) = job.steps[number], techniques[number]
        technique.check(keras_model, settings)
        seeding.restart(job.seed)
        with clock.stage(step.technique, f"compressing: {step.technique}", limits.compress) as progress:
            course = compress.course(step.technique, step.settings)
            given = replace(training, course=course, tell=progress.tell) if training and technique.trains else None
            return technique.apply(keras_model, given, settings, progress)

    def describe(loaded: loaders.Loaded) -> dict[str, Any]:
        return {**size(loaded.model), "accuracy": measure(loaded)}

    conversion = Conversion(job, clock, precision, quantization, calibration)
    given = compression.Given(model, training, evaluation, before, run_step, describe, conversion.size)
    model, steps = compression.run(job, [settings for _, settings in techniques], given)

    with clock.stage("convert", f"converting to {job.precision}", limits.convert) as progress:
        result = conversion.result(model, progress)
        if techniques:
            from edgebuild.worker import promises

            promises.insist(model.model, result.content)
        (job.out / "model.tflite").write_bytes(result.content)
    if steps and job.each_step:
        steps[-1]["after"]["bytes"] = len(result.content)
    before = steps[-1]["after"] if steps else before
    if result.facts:
        shown = {"precision": job.precision, **asdict(quantization)}
        steps.append(
            {
                "technique": "quantize",
                "settings": shown,
                "before": before,
                "after": {**result.facts, "bytes": len(result.content)},
            }
        )
    _write_down(job, float_accuracy, steps, clock.seconds)


def _evaluation(job: Job, clock: Clock, inputs: tuple[loaders.Input, ...]) -> Any:
    if job.evaluation is None:
        return None
    with clock.stage("data", "reading evaluation data", job.limits.data):
        return data.evaluation(job, inputs)


def _prepared(job: Job) -> tuple[Job, Any]:
    """``job`` with the step that its precision needs before it, and the precision's settings.

    Raises:
        UsageError: the precision does not exist, or has no such setting.
    """
    if job.precision not in convert.names():
        return job, None  # refused with the rest
    settings, rest = convert.settings(job.precision, job.quantization)
    technique = convert.find(job.precision).technique
    if technique is not None and (rest or not job.steps or job.steps[-1].technique != technique):
        both = {key: value for key, value in job.quantization.items() if key in compress.defaults(technique)}
        job = replace(job, steps=(*job.steps, Step(technique, {**rest, **both})))
    return job, settings


def _check(job: Job) -> tuple[convert.Precision, list[tuple[compress.Technique[Any], Any]]]:
    """Everything that can be refused before the model is opened."""
    if job.precision not in convert.names():
        raise UsageError(
            f"precision {job.precision!r}", "there is no such precision", f"use one of {', '.join(convert.names())}"
        )
    precision = convert.find(job.precision)
    if job.io not in precision.borders:
        raise UsageError(
            f"precision {job.precision!r}",
            f"its inputs and outputs cannot be {job.io}",
            f"use io = {' or '.join(precision.borders)}",
        )
    techniques = [
        (compress.find(step.technique), compress.settings(step.technique, step.settings)) for step in job.steps
    ]
    compress.check_order([(step.technique, own) for step, (_, own) in zip(job.steps, techniques, strict=True)])
    if precision.calibrates and job.calibration is None:
        raise UsageError(
            "calibration data",
            f"precision {job.precision!r} needs samples to find the range of every activation, and none are given",
            "set data.calibration to a .npz file, a folder of .npy or file.py:function with 100 to 500 real samples",
        )
    for step, (technique, _) in zip(job.steps, techniques, strict=True):
        if technique.trains and job.training is None:
            raise UsageError(
                "training data",
                f"compression step {step.technique!r} fine-tunes the model, and no training data is given",
                "set data.training to a .npz file, a folder of .npy or file.py:function with samples and labels",
            )
    return precision, techniques


def _start(job: Job) -> None:
    """Import TensorFlow and fix what its results depend on: threads and order of work."""
    tensorflow = loaders.require("tensorflow")
    if job.steps:
        loaders.require("tf_keras")
        loaders.require("tensorflow_model_optimization")
    tensorflow.config.threading.set_intra_op_parallelism_threads(job.threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    tensorflow.config.experimental.enable_op_determinism()


_PACKAGES = {
    "tensorflow": "tensorflow",
    "keras": "keras",
    "tf_keras": "tf_keras",
    "tensorflow_model_optimization": "tensorflow-model-optimization",
    "numpy": "numpy",
}


def _write_down(job: Job, float_accuracy: float | None, steps: list[dict[str, Any]], seconds: dict[str, float]) -> None:
    tools = {package: metadata.version(package) for module, package in _PACKAGES.items() if module in sys.modules}
    text = json.dumps(
        {"float_accuracy": float_accuracy, "compression": steps, "seconds": seconds, "tools": tools}, indent=1
    )
    Path(job.out / "converted.json").write_text(text + "\n")


def failure(error: BaseException) -> EdgebuildError:
    """``error`` as the parent shall see it; what is not ours is a bug of ours."""
    from edgebuild.errors import ToolError

    if isinstance(error, EdgebuildError):
        return error
    if isinstance(error, MemoryError):
        return ToolError("the worker process", "ran out of memory", "give it more memory, or fewer samples")
    words = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return EdgebuildError("the worker process", f"failed unexpectedly with {words}", "")
