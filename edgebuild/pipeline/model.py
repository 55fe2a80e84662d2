"""The model half of the line: from the user's file to a ``.tflite`` with the border that is deployed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebuild import cache, frontends, loaders
from edgebuild.artifacts import CompressionStep
from edgebuild.errors import UsageError
from edgebuild.pipeline.request import Request, own_digest
from edgebuild.pipeline.stages import Stages
from edgebuild.worker import client
from edgebuild.worker.events import Progress
from edgebuild.worker.job import Job

if TYPE_CHECKING:
    from edgebuild.ir.graph import Graph


@dataclass(frozen=True, eq=False)
class Model:
    """What the model half hands over.

    Attributes:
        content: the ``.tflite`` between the deployed inputs and outputs.
        graph: the same, read.
        between: the ``.tflite`` of what the compression steps begin with, and of what each but the last made; None for
            one that cannot be converted, and none at all where ``each_step`` is off.
        evaluation: files with the evaluation samples, or None.
        read: files that the user's own code read, with their hashes.
    """

    content: bytes
    graph: Graph
    evaluation: client.Evaluation | None
    float_accuracy: float | None = None
    compression: tuple[CompressionStep, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, str] = field(default_factory=dict)
    between: tuple[bytes | None, ...] = ()


def prepare(request: Request, stages: Stages) -> Model:
    """Convert the user's model when it needs converting, read it, and move its border.

    Raises:
        UsageError, UnsupportedError, ToolError: the model, its data or TensorFlow.
    """
    config, place = request.config, str(request.config.model)
    if loaders.recognise(config.model) == "tflite":
        if config.steps:
            raise UsageError(
                place,
                "is converted already, and compression needs the trained model",
                "give the .keras, .h5 or SavedModel it came from, or remove compress.steps",
            )
        content, graph = deployed(config.model.read_bytes(), request, place)
        return _with_evaluation(content, graph, request, stages)
    folder = _convert(request, stages)
    content, graph = deployed((folder / "model.tflite").read_bytes(), request, place)
    written = json.loads((folder / "converted.json").read_text())
    return Model(
        content,
        graph,
        client.evaluation(_job(request, folder)),
        written["float_accuracy"],
        tuple(CompressionStep(**step) for step in written["compression"]),
        written["tools"],
        _files_read(folder),
        _between(folder, written["compression"], request),
    )


def _between(folder: Path, steps: list[dict[str, Any]], request: Request) -> tuple[bytes | None, ...]:
    if not request.config.each_step:
        return ()
    files = [folder / f"step-{number}.tflite" for number, step in enumerate(steps) if step["technique"] != "quantize"]
    return tuple(file.read_bytes() if file.is_file() else None for file in files)


def _job(request: Request, folder: Path) -> Job:
    return Job.of(request.config, io=request.io, out=folder)


def _convert(request: Request, stages: Stages) -> Path:
    def work(folder: Path) -> None:
        code = own_digest() if stages.use_cache else ""
        client.convert(dataclasses.replace(_job(request, folder), code=code), _relay(stages, "model"))

    return _stored(stages, "model", request.model_key, work)


def _with_evaluation(content: bytes, graph: Graph, request: Request, stages: Stages) -> Model:
    if request.config.evaluation is None:
        return Model(content, graph, None)
    tensors = [graph.tensors[index] for index in graph.inputs]
    inputs = tuple((_plain(tensor.name), tuple(tensor.shape)) for tensor in tensors)

    def work(folder: Path) -> None:
        job = dataclasses.replace(_job(request, folder), task="data", inputs=inputs)
        client.read_evaluation(job, _relay(stages, "data"))

    folder = _stored(stages, "data", cache.key(request.model_key, inputs), work)
    return Model(content, graph, client.evaluation(_job(request, folder)), read=_files_read(folder))


def _plain(name: str) -> str:
    """The name that an input of a .tflite had in the model that it was made from."""
    return name.split(":")[0].removeprefix("serving_default_")


def split(request: Request, inputs: tuple[tuple[str, tuple[int, ...]], ...], held_out: int, stages: Stages) -> Path:
    """Labelled data as the folders ``training`` and ``held_out``, for choices.

    Args:
        inputs: name and shape, with batch 1, of each of the model's inputs.
        held_out: how many samples are kept aside at most, where no validation data is given.

    Raises:
        UsageError, ToolError: the data.
    """

    def work(folder: Path) -> None:
        job = dataclasses.replace(_job(request, folder), inputs=inputs, held_out=held_out, steps=())
        client.split(job, _relay(stages, "split"))

    return _stored(stages, "split", cache.key(request.model_key, inputs, held_out), work)


def _relay(stages: Stages, name: str) -> Callable[[Progress], None]:
    report = stages.progress(name)
    return lambda progress: report(progress.fraction or 0.0, progress.text)


def _stored(stages: Stages, name: str, key: str, work: Callable[[Path], None]) -> Path:
    """A cached stage that is made anew when a file that the user's code had read has changed since."""
    known = cache.find(name, key)
    if known is not None and any(_changed(Path(path), digest) for path, digest in _files_read(known).items()):
        cache.forget(name, key)
    return stages.stored(name, key, work)


def _changed(path: Path, digest: str) -> bool:
    return not path.is_file() or cache.file_digest(path) != digest


def _files_read(folder: Path) -> dict[str, str]:
    """Files that the user's own code opened, with their hashes, as the worker noted them."""
    noted = folder / "files_read.json"
    return dict(json.loads(noted.read_text())) if noted.is_file() else {}


def deployed(content: bytes, request: Request, place: str) -> tuple[bytes, Graph]:
    """A ``.tflite`` with the border that ``request`` asks for, and the same, read.

    Raises:
        UsageError, UnsupportedError: the file cannot be read, or its border cannot be that.
    """
    frontend, name = frontends.find("tflite"), request.config.name
    graph = frontend.read(content, name, place)
    inputs, outputs = frontends.trimmed(graph, int8=request.io == "int8", softmax=request.config.final_softmax)
    if (inputs, outputs) != (graph.inputs, graph.outputs):
        content = frontends.move(content, inputs, outputs, place)
        graph = frontend.read(content, name, place)
    wrong = [graph.tensors[i] for i in (*graph.inputs, *graph.outputs) if graph.tensors[i].dtype.value != request.io]
    if wrong and request.config.io == "float32":
        raise UsageError(
            place,
            f'has {wrong[0].dtype.value} at its border ({wrong[0].name!r}), and io = "float32" was asked for',
            "remove io, or convert the model with float32 input and output",
        )
    return content, graph
