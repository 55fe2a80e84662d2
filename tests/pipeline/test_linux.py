"""Bundles for Linux boards: proven in emulated systems, installed there as a user would, refused where they must be."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebuild import emulators, pipeline
from edgebuild.emulators import Entry
from edgebuild.errors import BudgetError
from edgebuild.pipeline import _linux_native, fetch, runtimes
from edgebuild.reports.report import Report
from edgebuild.target.load import load
from tests import zoo
from tests.downloads import share
from tests.pipeline.conftest import settings

pytestmark = [pytest.mark.qemu, pytest.mark.slow]

KWS = "keyword_spotting"


@pytest.fixture(autouse=True)
def downloads(session_cache: Path) -> None:
    share(session_cache)


def build(name: str, target: str, output: Path, **more: object) -> Report:
    return pipeline.build(settings(zoo.tflite(name), output, target, **more), target)


def emulation(report: Report) -> dict[str, Any]:
    assert report.emulation is not None
    return dict(report.emulation)


def unpacked(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]


def only(folder: Path, ending: str) -> Path:
    (found,) = folder.glob(f"*{ending}")
    return found


@pytest.mark.parametrize("name", zoo.NAMES)
def test_the_runtime_gives_the_same_bytes_as_here(name: str, tmp_path: Path) -> None:
    report = build(name, "rpi4", tmp_path)
    facts = {key: emulation(report)[key] for key in ("emulator", "machine", "cpu", "mismatched_bytes", "runtime")}
    assert facts == {
        "emulator": "qemu_linux",
        "machine": "virt",
        "cpu": "cortex-a72",
        "mismatched_bytes": 0,
        "runtime": "LiteRT 2.3.0",
    }
    reference = emulation(report)["reference"]
    assert reference["oracle"] == "litert" or reference["oracle"] == "tflm"
    assert reference["largest_difference"] < 64
    # what the runtime and a small model take; QEMU's own 30 MB are not in it
    assert report.ram is not None and report.ram["total"] is not None
    assert 4_000_000 < report.ram["total"] < 12_000_000
    assert any("systemd" in fact for fact in report.unproven)
    text = (tmp_path / "rpi4/report.json").read_text()
    assert "Raspberry" not in json.dumps(emulation(report)) and str(tmp_path) not in text


@pytest.mark.parametrize(("target", "cpu"), [("rpi-zero2", "cortex-a53"), ("rpi5", "cortex-a76")])
def test_every_64_bit_board(target: str, cpu: str, tmp_path: Path) -> None:
    report = build(KWS, target, tmp_path)
    assert (emulation(report)["cpu"], emulation(report)["mismatched_bytes"]) == (cpu, 0)


def test_what_the_bundle_holds(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"word {n}\n" for n in range(12)))
    build(KWS, "rpi4", tmp_path, model__labels=str(labels))
    files = unpacked(only(tmp_path / "rpi4", ".tar.gz"))
    names = {name.partition("/")[2] for name in files}
    assert names == {
        "LICENSE",
        "LICENSE.litert",
        "README.md",
        "bin/keyword-spotting",
        "include/keyword_spotting.h",
        "install.sh",
        "keyword_spotting.tflite",
        "labels.txt",
        "lib/libLiteRt.so",
        "lib/libkeyword_spotting.a",
        "manifest.json",
        "python/requirements.txt",
        "python/run.py",
        "src/keyword_spotting.c",
        "src/main.c",
        "systemd/keyword-spotting.socket",
        "systemd/keyword-spotting@.service",
        "test/inputs.bin",
        "test/outputs.bin",
    }
    top = "keyword-spotting-rpi4"
    assert files[f"{top}/labels.txt"] == labels.read_bytes()
    assert b"ai-edge-litert==2.3.0\n" in files[f"{top}/python/requirements.txt"]
    manifest = json.loads(files[f"{top}/manifest.json"])
    assert (manifest["architecture"], manifest["runtime"]) == ("arm64", "2.3.0")
    assert set(manifest["files"]) == names - {"manifest.json"}
    assert "Linux on QEMU virt (cortex-a72)" in manifest["proof"] and manifest["unproven"]


def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "another"):
        made = settings(zoo.tflite(KWS), tmp_path / folder, "rpi4")
        pipeline.build(made, "rpi4", use_cache=False)
    for ending in (".tar.gz", ".deb"):
        one, another = (only(tmp_path / folder / "rpi4", ending) for folder in ("one", "another"))
        assert one.name == another.name and one.read_bytes() == another.read_bytes()


def test_python_alone_where_there_is_no_c_library(tmp_path: Path) -> None:
    """The 32-bit runtime: Debian's Python with tflite-runtime, on an emulated core and here."""
    report = build(KWS, "rpi3-32", tmp_path)
    assert emulation(report)["runtime"] == "TensorFlow Lite 2.14.0"
    assert (emulation(report)["emulator"], emulation(report)["mismatched_bytes"]) == ("qemu_user", 0)
    assert report.ram is None and any("memory" in fact for fact in report.unproven)
    files = unpacked(only(tmp_path / "rpi3-32", ".tar.gz"))
    assert any(name.endswith("python/site/tflite_runtime/interpreter.py") for name in files)
    control = subprocess.run(
        ["dpkg-deb", "--field", only(tmp_path / "rpi3-32", ".deb"), "Architecture", "Depends"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert control == "Architecture: armhf\nDepends: python3 (>= 3.11), python3 (<< 3.12), python3-numpy\n"


def test_the_reference_kernels_bytes_where_x86_has_kernels_of_its_own(tmp_path: Path) -> None:
    report = build("image_classification", "rpi3-32", tmp_path)
    found = emulation(report)
    assert (found["mismatched_bytes"], found["oracle"]) == (0, "the reference kernels of litert")
    assert found["reference"]["mismatched_bytes"] == 0


@pytest.mark.parametrize("name", zoo.NAMES)
def test_generated_c_on_armv6(name: str, tmp_path: Path) -> None:
    report = build(name, "rpi-zero", tmp_path)
    facts = {key: emulation(report)[key] for key in ("emulator", "cpu", "mismatched_bytes", "oracle")}
    assert facts == {"emulator": "qemu_user", "cpu": "arm1176", "mismatched_bytes": 0, "oracle": "tflm"}
    files = unpacked(only(tmp_path / "rpi-zero", ".tar.gz"))
    command = name.replace("_", "-")
    program = files[f"{command}-rpi-zero/bin/{command}"]
    (tmp_path / "program").write_bytes(program)
    said = subprocess.run(
        ["readelf", "--arch-specific", "--dynamic", tmp_path / "program"], capture_output=True, text=True, check=True
    ).stdout
    assert "Tag_CPU_arch: v6\n" in said and "no dynamic section" in said


@pytest.mark.parametrize(("target", "emulator"), [("rpi4", "qemu_linux"), ("rpi3-32", "qemu_user")])
def test_generated_c_where_there_is_a_runtime_too(target: str, emulator: str, tmp_path: Path) -> None:
    report = build(KWS, target, tmp_path, engine="c")
    assert (emulation(report)["emulator"], emulation(report)["mismatched_bytes"]) == (emulator, 0)
    assert emulation(report)["oracle"] == "tflm"
    if emulator == "qemu_linux":
        assert report.ram is not None and report.ram["total"] is not None and 100_000 < report.ram["total"] < 2_000_000


def test_another_board_is_one_file(tmp_path: Path) -> None:
    board = tmp_path / "compute-stick.toml"
    board.write_text('inherits = "rpi3"\ntitle = "A stick with little memory"\n[memory.RAM]\nbytes = "128 MiB"\n')
    report = build(KWS, str(board), tmp_path)
    assert report.target == "compute-stick" and emulation(report)["mismatched_bytes"] == 0
    assert [gate.limit for gate in report.gates if gate.name == "ram"] == [128 << 20]


def test_more_memory_than_allowed(tmp_path: Path) -> None:
    with pytest.raises(BudgetError) as refused:
        build(KWS, "rpi4", tmp_path, budget__ram="4M")
    assert "bytes of ram" in str(refused.value) and "the ram budget of 4,194,304" in str(refused.value)
    assert not (tmp_path / "rpi4").exists()


def test_less_memory_than_linux_needs(tmp_path: Path) -> None:
    board = tmp_path / "tiny.toml"
    board.write_text('inherits = "rpi3"\ntitle = "tiny"\n[memory.RAM]\nbytes = "48 MiB"\n')
    with pytest.raises(BudgetError, match="48 MiB of RAM are too little for Linux and this model"):
        build(KWS, str(board), tmp_path)


DPKG = fetch.Debian(
    "arm64",
    (
        "dpkg", "tar", "dash", "coreutils", "libselinux1", "libpcre2-8-0", "libacl1", "libattr1", "libgmp10", "libmd0",
        "liblzma5", "libbz2-1.0", "libzstd1", "zlib1g", "libc-bin", "libc6", "libgcc-s1", "libstdc++6",
    ),
    r"(?!usr/(share|lib/[^/]+/gconv))",
)  # fmt: skip


def test_a_user_installs_the_package(tmp_path: Path) -> None:
    """In the emulated system: Debian's dpkg installs it, with what it depends on, and the unit's command answers."""
    build(KWS, "rpi4", tmp_path)
    package = only(tmp_path / "rpi4", ".deb")
    files = unpacked(only(tmp_path / "rpi4", ".tar.gz"))
    inputs = np.frombuffer(files["keyword-spotting-rpi4/test/inputs.bin"], np.uint8)
    folder, _ = fetch.debian(DPKG, fetch.unheard)
    tree = dict(_linux_native.tree(folder / "root"))
    status = "".join(
        f"Package: {name}\nStatus: install ok installed\nArchitecture: arm64\nVersion: {version}\n"
        "Maintainer: nobody\nDescription: there\n\n"
        for name, version in fetch.versions(folder).items()
        if name in ("libc6", "libgcc-s1", "libstdc++6")
    )
    tree |= {
        "var/lib/dpkg/status": Entry(status.encode()),
        **{f"var/lib/dpkg/{name}/.keep": Entry() for name in ("info", "updates", "triggers", "parts")},
        "bin/sh": Entry(link="dash"),
        **{f"usr/bin/{name}": Entry(b"#!/bin/sh\n", executable=True) for name in ("diff", "start-stop-daemon")},
        f"job/{package.name}": Entry(package.read_bytes()),
        "job/inputs.bin": Entry(inputs.tobytes()),
        "job/steps.sh": Entry(
            f"set -e\ndpkg --install {package.name}\n"
            "keyword-spotting --self-test\nkeyword-spotting --describe\n"
            "service=/usr/lib/systemd/system/keyword-spotting@.service\n"
            'while read -r line; do case "$line" in ExecStart=*) command=${line#ExecStart=} ;; esac; done < $service\n'
            "$command < inputs.bin > out/outputs.bin\n".encode()
        ),
    }
    booted = emulators.boot(load("rpi4"), tree, ("/bin/sh", "steps.sh"), tmp_path / "system", 120)
    said = booted.files["stdout"].decode() + booted.files["stderr"].decode()
    assert booted.status == 0, said
    assert "keyword-spotting: 4 inferences, 0 differ" in said and "input float32 1x50x10x1, 2000 bytes" in said
    assert booted.files["outputs.bin"] == files["keyword-spotting-rpi4/test/outputs.bin"]


def test_a_user_installs_the_archive(tmp_path: Path) -> None:
    """install.sh below another folder, on this machine: nothing is run but what the script itself does."""
    build(KWS, "rpi-zero", tmp_path)
    subprocess.run(["tar", "-xzf", only(tmp_path / "rpi-zero", ".tar.gz"), "-C", tmp_path], check=True)
    home = tmp_path / "keyword-spotting-rpi-zero"
    # this machine is no Arm: QEMU's user mode stands in for the board
    (home / "bin/keyword-spotting").rename(home / "bin/program")
    (home / "bin/keyword-spotting").write_text(f'#!/bin/sh\nexec qemu-arm -cpu arm1176 {home}/bin/program "$@"\n')
    (home / "bin/keyword-spotting").chmod(0o755)
    (tmp_path / "uname").write_text("#!/bin/sh\necho armv6l\n")
    (tmp_path / "uname").chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin:/usr/sbin"
    done = subprocess.run(
        [home / "install.sh"],
        env={"DESTDIR": str(tmp_path / "root"), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "4 inferences, 0 differ" in done.stdout
    assert (tmp_path / "root/opt/keyword-spotting/bin/keyword-spotting").is_file()
    assert (tmp_path / "root/usr/bin/keyword-spotting").readlink() == Path("/opt/keyword-spotting/bin/keyword-spotting")
    assert (tmp_path / "root/etc/systemd/system/keyword-spotting.socket").is_file()
    (tmp_path / "uname").write_text("#!/bin/sh\necho riscv64\n")
    done = subprocess.run([home / "install.sh"], env={"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "this machine is riscv64" in done.stderr


def test_a_consumer_compiles_against_the_library(tmp_path: Path) -> None:
    """The three functions, from a program of the user's own that is built as the README says."""
    build(KWS, "rpi4", tmp_path)
    subprocess.run(["tar", "-xzf", only(tmp_path / "rpi4", ".tar.gz"), "-C", tmp_path], check=True)
    home = tmp_path / "keyword-spotting-rpi4"
    (tmp_path / "main.c").write_text(
        '#include "keyword_spotting.h"\nint main(void)\n{\n    static float samples[KEYWORD_SPOTTING_INPUT_ELEMENTS];\n'
        "    static float scores[KEYWORD_SPOTTING_OUTPUT_ELEMENTS];\n"
        '    keyword_spotting_model *model = keyword_spotting_load("/job/keyword_spotting.tflite");\n'
        "    const void *const inputs[] = {samples};\n    void *const outputs[] = {scores};\n"
        "    if (model == 0 || keyword_spotting_invoke(model, inputs, outputs) != 0) {\n        return 1;\n    }\n"
        "    keyword_spotting_free(model);\n"
        '    return keyword_spotting_load("/job/none") != 0 || keyword_spotting_error()[0] == 0;\n}\n'
    )
    subprocess.run(
        [
            "aarch64-linux-gnu-gcc",
            "-Wall",
            "-Werror",
            "main.c",
            f"-I{home}/include",
            f"{home}/lib/libkeyword_spotting.a",
        ]
        + [f"-L{home}/lib", "-lLiteRt", "-Wl,-rpath,/job", "-Wl,--allow-shlib-undefined", "-o", "main"],
        cwd=tmp_path,
        check=True,
    )
    files = ("main", home / "lib/libLiteRt.so", home / "keyword_spotting.tflite")
    tree = _linux_native.system_libraries()
    tree |= {f"job/{Path(f).name}": Entry((tmp_path / f).read_bytes(), executable=True) for f in files}
    booted = emulators.boot(load("rpi3"), tree, ("./main",), tmp_path / "system", 120)
    assert booted.status == 0, booted.files


def test_the_versions_are_those_of_the_runtime() -> None:
    """The profile's table against the runtime itself: a model of no operators that names one in some version."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    from importlib import metadata

    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    if metadata.version("ai-edge-litert") != runtimes.LITERT.version:
        pytest.skip("another version of LiteRT is installed")

    def knows(code: int, version: int) -> bool:
        model, operator, tensor, graph = schema.ModelT(), schema.OperatorCodeT(), schema.TensorT(), schema.SubGraphT()
        operator.builtinCode, operator.deprecatedBuiltinCode, operator.version = code, min(code, 127), version
        tensor.shape, tensor.type, tensor.name, tensor.buffer = [1], schema.TensorType.FLOAT32, b"x", 0
        graph.tensors, graph.inputs, graph.outputs, graph.operators = [tensor], [0], [0], []
        model.version, model.operatorCodes, model.buffers, model.subgraphs = 3, [operator], [schema.BufferT()], [graph]
        builder = flatbuffers.Builder(0)
        builder.Finish(model.Pack(builder), b"TFL3")
        try:
            interpreter.Interpreter(model_content=bytes(builder.Output()))
        except ValueError:
            return False
        return True

    versions = load("rpi4").operators.versions
    codes = {name: code for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    for name, most in versions.items():
        assert knows(codes[name], most) and not knows(codes[name], most + 1), name
    for name in set(codes) - set(versions) - {"CUSTOM", "DELEGATE"}:
        assert not knows(codes[name], 1), name
