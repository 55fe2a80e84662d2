"""Every refusal of a build: its exit code, its text, and the old bundle as it was."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgebuild import ops
from edgebuild.ir.graph import Graph, Node, Tensor
from edgebuild.ir.types import DType, Quantization
from tests import zoo
from tests.write_tflite import write

pytestmark = pytest.mark.qemu

CASE = next(ops.find("conv_2d").cases()).graph


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def built(here: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, its settings and a finished bundle."""
    monkeypatch.setenv("EDGEBUILD_CACHE", str(cache))
    (here / "net.tflite").write_bytes(write(CASE))
    (here / "edgebuild.toml").write_text('targets = ["cortex-m4"]\n[model]\npath = "net.tflite"\n')
    done = command()
    assert done.returncode == 0, done.stderr
    return here


def command(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    """The real command in a process of its own."""
    argv = [sys.executable, "-m", "edgebuild", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False, **more)  # type: ignore[call-overload,no-any-return]


def snapshot(folder: Path) -> dict[str, str]:
    """Every file below ``folder`` with its hash."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def dynamic() -> bytes:
    """A model whose height is open."""
    import flatbuffers
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(write(CASE), 0))
    tensor = model.subgraphs[0].tensors[0]
    tensor.shapeSignature = [-1, -1, int(tensor.shape[2]), int(tensor.shape[3])]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def unsupported() -> bytes:
    """Two operators that no device build has, and one that is used in a way that none can run."""
    image = Tensor("image", (1, 4, 4, 2), DType.INT8, Quantization((0.1,), (0,)))
    nodes, tensors = [], [image]
    for number, name in enumerate(("net/odd/Abs", "net/odder/Neg")):
        tensors.append(replace(image, name=name))
        nodes.append(Node("relu", (number,), (number + 1,), {}, name, 1))
    graph = Graph("case", tuple(tensors), tuple(nodes), (0,), (2,))
    content = bytearray(write(graph))
    import tflite

    model = tflite.Model.GetRootAs(bytes(content), 0)
    for position, builtin in ((0, tflite.BuiltinOperator.ABS), (1, tflite.BuiltinOperator.NEG)):
        code = model.OperatorCodes(position)
        for slot, size in ((4, 1), (10, 4)):
            offset = code._tab.Offset(slot)
            if offset:
                at = code._tab.Pos + offset
                content[at : at + size] = builtin.to_bytes(size, "little")
    return bytes(content)


def big(elements: int) -> bytes:
    """A dense layer with so many weights."""
    units = elements // 64
    source = Tensor("input", (1, 64), DType.INT8, Quantization((0.1,), (0,)))
    data = np.random.default_rng(1).integers(-127, 128, (units, 64)).astype(np.int8)
    weights = Tensor("net/dense/weights", (units, 64), DType.INT8, Quantization((0.01,), (0,)), data)
    output = Tensor("net/dense/MatMul", (1, units), DType.INT8, Quantization((0.5,), (0,)))
    node = Node("fully_connected", (0, 1), (2,), {"fused_activation_function": "NONE", "keep_num_dims": False}, "", 4)
    return write(Graph("case", (source, weights, output), (node,), (0,), (2,)))


def change_model(content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / "net.tflite").write_bytes(content) and None


def append(text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with (folder / "edgebuild.toml").open("a") as file:
            file.write(text)

    return change


def retarget(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / "edgebuild.toml").read_text()
        (folder / "edgebuild.toml").write_text(text.replace("cortex-m4", name))

    return change


REFUSALS: dict[str, tuple[Callable[[Path], None], int, str]] = {
    "missing": (lambda folder: (folder / "net.tflite").unlink(), 2, "net.tflite"),
    "empty": (change_model(b""), 2, "net.tflite: the model file is empty\n  remedy: save or copy the model again"),
    "not a model": (
        change_model(b"hello, I am not a model at all"),
        2,
        "net.tflite: does not begin as a .tflite file does; it is damaged or something else under that name\n",
    ),
    "truncated": (change_model(write(CASE)[:400]), 2, "net.tflite: is truncated or damaged"),
    "dynamic": (
        change_model(dynamic()),
        2,
        "'input_0' has the dynamic shape ? x ? x 6 x 5; only the batch may be open on a device\n"
        "  remedy: export the model with fixed extents",
    ),
    "unsupported": (
        change_model(unsupported()),
        4,
        "net: cortex-m4 cannot run 2 operators of this model as they are\n"
        "  ABS 'net/odd': there is no operator for it in edgebuild yet\n"
        "  NEG 'net/odder': there is no operator for it in edgebuild yet\n"
        "  remedy: change the layers named above; edgebuild ops lists what is supported",
    ),
    "flash budget": (
        append("[budget]\nflash = 600\n"),
        3,
        "more than the flash budget of 600",
    ),
    "flash of a board": (
        lambda folder: [change_model(big(1_200_000))(folder), retarget("stm32f746g-disco")(folder)][0],
        3,
        "more than stm32f746g-disco's flash of 1,048,576\n",
    ),
    "ram budget": (
        append("[budget]\nram = 100\n"),
        3,
        "of ram (its arena alone), ",
    ),
    "ram budget with stack": (
        append("[budget]\nram = 300\n"),
        3,
        "of ram (arena, static data and stack), ",
    ),
    "unknown target": (retarget("cortex-m5"), 2, "did you mean"),
    "unknown key": (append("[proofs]\nvectors = 4\n"), 2, "edgebuild.toml:4: "),
    "unknown package": (append("[target.cortex-m4]\npackages = ['arduini']\n"), 2, "arduini"),
    "accuracy without labels": (
        append("[gates]\naccuracy = 0.9\n"),
        2,
        "gates: accuracy is measured on evaluation data",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(name: str, built: Path) -> None:
    before = snapshot(built / "build")
    change, code, text = REFUSALS[name]
    change(built)
    done = command()
    assert (done.returncode, text in done.stderr) == (code, True), done.stderr
    assert done.stderr.startswith(("error: ", "cortex-m4: ", "stm32f746g-disco: ")) and "remedy: " in done.stderr
    assert "Traceback" not in done.stderr and done.stdout == ""
    assert snapshot(built / "build") == before
    assert not [p for p in built.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize(
    ("output", "code", "text"),
    [
        ("net.tflite", 2, "net.tflite: is a file, and the bundle needs a folder\n  remedy: choose another --output"),
        ("net.tflite/deep/er", 2, "net.tflite: is a file, and the bundle needs a folder"),
        ("/proc/nowhere", 7, "/proc/nowhere/cortex-m4: cannot be written: No such file or directory"),
        ("n" * 300, 7, "cannot be written: File name too long"),
    ],
    ids=["a file", "below a file", "no place", "too long"],
)
def test_an_output_that_cannot_be(output: str, code: int, text: str, built: Path) -> None:
    before = snapshot(built)
    done = command("--output", output, "--no-cache")
    assert (done.returncode, text in done.stderr) == (code, True), done.stderr
    assert snapshot(built) == before


def test_a_cache_that_cannot_be(built: Path) -> None:
    done = command("--no-cache", env={**os.environ, "EDGEBUILD_CACHE": str(built / "net.tflite")})
    assert done.returncode == 7
    assert "cannot be written: " in done.stderr and "EDGEBUILD_CACHE" in done.stderr


def test_budget_errors_name_the_largest_tensors(built: Path) -> None:
    append("[budget]\nram = 100\n")(built)
    assert "bytes  int8 1 x 7 x 6 x 5  input_0" in command().stderr


@pytest.mark.parametrize(
    ("tool", "line"),
    [
        ("qemu-system-arm", "apt-get install qemu-system-arm"),
        ("arm-none-eabi-gcc", "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi"),
    ],
)
def test_a_missing_tool(tool: str, line: str, built: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    before = snapshot(built / "build")
    place = tmp_path_factory.mktemp("path")
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).iterdir() if Path(folder).is_dir() else ():
            if program.name != tool and not (place / program.name).exists():
                (place / program.name).symlink_to(program)
    change_model(write(next(iter(ops.find("add").cases())).graph))(built)
    done = command(env={**os.environ, "PATH": str(place)})
    assert done.returncode == 7
    assert f"{tool}: not found; needed for " in done.stderr and f"remedy: {line}" in done.stderr
    assert snapshot(built / "build") == before


def test_an_emulator_that_hangs(built: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    before = snapshot(built / "build")
    place = tmp_path_factory.mktemp("path")
    fake = place / "qemu-system-arm"
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && echo QEMU emulator version 7.2.0 && exit\nexec sleep 600\n')
    fake.chmod(0o755)
    append("[proof]\ntimeout = 1\n")(built)
    done = command(env={**os.environ, "PATH": f"{place}{os.pathsep}{os.environ['PATH']}"})
    assert done.returncode == 7, done.stderr
    assert "within 1 s" in done.stderr and "remedy: " in done.stderr
    assert snapshot(built / "build") == before


def test_a_full_disk(built: Path) -> None:
    """No file may grow beyond 10 kB, as on a disk that fills up while the bundle is written."""
    before = snapshot(built / "build")
    (built / "edgebuild.toml").write_text("seed = 5\n" + (built / "edgebuild.toml").read_text())
    change_model(zoo.tflite("keyword_spotting").read_bytes())(built)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    done = command(preexec_fn=limit)
    assert done.returncode == 7, done.stderr
    assert "remedy: free some space or choose another folder" in done.stderr
    assert snapshot(built / "build") == before


def test_killed_in_the_middle(built: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whenever it is killed, the old bundle or the new one is there, whole, and the next build is right."""
    old = snapshot(built / "build")
    other = tmp_path_factory.mktemp("other")
    change_model(write(next(iter(ops.find("add").cases())).graph))(built)
    (other / "edgebuild.toml").write_bytes((built / "edgebuild.toml").read_bytes())
    (other / "net.tflite").write_bytes((built / "net.tflite").read_bytes())
    assert command(cwd=other).returncode == 0
    new = snapshot(other / "build")
    assert old != new
    chance = random.Random(4)
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-m", "edgebuild", "build", "--no-cache"],
            cwd=built,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(chance.uniform(0.2, 2.5))
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        assert snapshot(built / "build") in (old, new)
    assert command().returncode == 0
    assert snapshot(built / "build") == new
