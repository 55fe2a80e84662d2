"""Android packages: proven on three ABIs, read back as a user would, and used from Java."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgebuild import ops, pipeline
from edgebuild.codegen import android
from edgebuild.errors import MismatchError, ToolError, UsageError
from edgebuild.ir.graph import Graph, Node, Tensor
from edgebuild.ir.types import DType, Quantization
from edgebuild.target.load import load
from edgebuild.toolchains import write as write_files
from edgebuild.validate import vectors
from edgebuild.validate.shared_library import Expected, complaints
from tests import zoo
from tests.pipeline.conftest import settings
from tests.write_tflite import write

pytestmark = [pytest.mark.qemu, pytest.mark.slow]

ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64")
MAVEN = "android_aar/maven/edgebuild"


def aar(folder: Path, name: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(folder / MAVEN / name / "1.0" / f"{name}-1.0.aar")


def run(*argv: object, cwd: Path) -> str:
    done = subprocess.run([str(w) for w in argv], cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", zoo.NAMES)
def test_bytes_are_tflites_own_on_every_abi(name: str, tmp_path: Path) -> None:
    report = pipeline.build(settings(zoo.tflite(name), tmp_path, "android"), "android")
    assert report.emulation is not None
    assert (report.emulation["oracle"], report.emulation["mismatched_bytes"]) == ("tflm", 0)
    assert [(part["abi"], part["vectors"]) for part in report.emulation["abis"]] == [(abi, 4) for abi in ABIS]
    assert any("bionic" in fact and "ART" in fact for fact in report.unproven)
    package = aar(tmp_path / "android", name)
    natives = frozenset({android.Binding.of(name).symbol})
    file = f"libedgebuild_{name}.so"
    for abi in ABIS:
        assert complaints(package.read(f"jni/{abi}/{file}"), Expected(abi, file, 21, natives)) == ()
    assert hashlib.sha256(package.read(f"assets/{name}.tflite")).hexdigest() == report.model["sha256"]


def test_one_abi_a_target(tmp_path: Path) -> None:
    for target, abi in zip(("android-arm64", "android-armv7", "android-x86_64"), ABIS, strict=True):
        report = pipeline.build(settings(zoo.tflite("keyword_spotting"), tmp_path, target), target)
        assert report.emulation is not None and report.emulation["mismatched_bytes"] == 0
        names = aar(tmp_path / target, "keyword_spotting").namelist()
        assert [n for n in names if n.startswith("jni/")] == [f"jni/{abi}/libedgebuild_keyword_spotting.so"]


def test_the_package_holds_the_very_files_that_ran(tmp_path: Path, session_cache: Path) -> None:
    pipeline.build(settings(zoo.tflite("keyword_spotting"), tmp_path, "android"), "android")
    package = aar(tmp_path / "android", "keyword_spotting")
    ran = {p.read_bytes() for p in (session_cache / "prover").glob("*/lib/*.so")}
    jars = {p.read_bytes() for p in (session_cache / "prover").glob("*/classes.jar")}
    assert {package.read(name) for name in package.namelist() if name.endswith(".so")} <= ran
    assert package.read("classes.jar") in jars


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A model of one small layer."""
    path = tmp_path / "net.tflite"
    path.write_bytes(write(next(iter(ops.find("average_pool_2d").cases())).graph))
    return path


def unsupported() -> bytes:
    """A model with an operator that generated C lacks."""
    import tflite

    source = Tensor("image", (1, 4, 4, 2), DType.INT8, Quantization((0.1,), (0,)))
    graph = Graph("case", (source, dataclasses.replace(source, name="net/odd/Abs")),
                  (Node("relu", (0,), (1,), {}, "net/odd/Abs", 1),), (0,), (1,))  # fmt: skip
    content = bytearray(write(graph))
    code = tflite.Model.GetRootAs(bytes(content), 0).OperatorCodes(0)
    for slot, size in ((4, 1), (10, 4)):
        if offset := code._tab.Offset(slot):
            at = code._tab.Pos + offset
            content[at : at + size] = tflite.BuiltinOperator.ABS.to_bytes(size, "little")
    return bytes(content)


def test_a_consumer_compiles_and_runs_against_the_package(tmp_path: Path) -> None:
    """Unzip, look with javap, compile a class against it, run it: what a user would do first."""
    (tmp_path / "labels.txt").write_text("".join(f'word "{n}"\n' for n in range(12)))
    build = settings(
        zoo.tflite("keyword_spotting"), tmp_path, "android-x86_64", model__labels=str(tmp_path / "labels.txt")
    )
    pipeline.build(build, "android-x86_64")
    aar(tmp_path / "android-x86_64", "keyword_spotting").extractall(tmp_path / "aar")
    shown = run("javap", "-cp", "aar/classes.jar", "edgebuild.keyword_spotting.Model", cwd=tmp_path)
    for line in (
        "public static edgebuild.keyword_spotting.Model open(android.content.Context);",
        "public synchronized void invoke(java.nio.ByteBuffer, java.nio.ByteBuffer);",
        "public static java.util.List<java.lang.String> labels();",
        "public static java.util.List<edgebuild.keyword_spotting.Tensor> outputs();",
        "public synchronized void close();",
    ):
        assert line in shown
    write_files(android.stubs(), tmp_path)
    (tmp_path / "Consumer.java").write_text(CONSUMER)
    run("javac", "-Xlint:all", "-Werror", "-cp", "aar/classes.jar", "-sourcepath", "stubs", "-d", "out",
        "Consumer.java", cwd=tmp_path)  # fmt: skip
    lines = run("java", "-cp", f"aar/classes.jar{os.pathsep}out", "-Djava.library.path=aar/jni/x86_64", "Consumer",
                cwd=tmp_path).splitlines()  # fmt: skip
    assert lines[:3] == ['word "11"', "closed: the model is closed", "12 bytes written, position 0"]
    assert lines[3].startswith("small: input has 489 bytes from its position to its limit, the model reads 500")
    assert lines[4] == "read-only"
    port = pipeline_port(tmp_path)
    values = np.float32([float(word) for word in lines[5].split()])
    assert [int(word) for word in lines[6].split()] == vectors.quantize(port, values[None])[0].tolist()
    assert np.array_equal(np.float32(lines[7].split()), vectors.dequantize(port, np.arange(-128, 128)))


def pipeline_port(folder: Path):
    """The model's input as Python sees it."""
    from edgebuild import frontends
    from edgebuild.artifacts import Port

    content = (folder / "aar/assets/keyword_spotting.tflite").read_bytes()
    graph = frontends.find("tflite").read(content, "net", "net")
    t = graph.tensors[graph.inputs[0]]
    return Port(t.name, t.dtype.value, t.shape, t.bytes, 0, t.scale, t.zero_point)


CONSUMER = """
import edgebuild.keyword_spotting.Model;
import edgebuild.keyword_spotting.Tensor;
import java.nio.ByteBuffer;
import java.util.Random;

public final class Consumer {
    public static void main(String[] none) throws Exception {
        System.out.println(Model.labels().get(11));
        Model closed = Model.open(null);
        closed.close();
        try {
            closed.invoke(Model.newInput(), Model.newOutput());
        } catch (IllegalStateException e) {
            System.out.println("closed: " + e.getMessage());
        }
        try (Model model = Model.open(null)) {
            ByteBuffer output = Model.newOutput();
            model.invoke(Model.newInput(), output);
            System.out.println(output.remaining() + " bytes written, position " + output.position());
            try {
                model.invoke(ByteBuffer.allocate(489), output);
            } catch (IllegalArgumentException e) {
                System.out.println("small: " + e.getMessage());
            }
            try {
                model.invoke(Model.newInput(), output.asReadOnlyBuffer());
            } catch (java.nio.ReadOnlyBufferException e) {
                System.out.println("read-only");
            }
        }
        Tensor input = Model.inputs().get(0);
        Random random = new Random(1);
        StringBuilder values = new StringBuilder();
        StringBuilder quantized = new StringBuilder();
        for (int i = 0; i < 500; i++) {
            float value = i < 400 ? input.scale * (i - 200) / 2 : (float) (random.nextGaussian() * 300);
            values.append(value).append(' ');
            quantized.append(input.quantize(value)).append(' ');
        }
        StringBuilder back = new StringBuilder();
        for (int q = -128; q < 128; q++) {
            back.append(input.dequantize(q)).append(' ');
        }
        System.out.println(values);
        System.out.println(quantized);
        System.out.println(back);
    }
}
"""


def test_the_repository_is_one(tiny: Path, tmp_path: Path) -> None:
    pipeline.build(settings(tiny, tmp_path, "android-armv7"), "android-armv7")
    folder = tmp_path / "android-armv7" / MAVEN / "net"
    files = sorted(p for p in folder.rglob("*") if p.suffix in (".aar", ".pom", ".xml"))
    assert [p.name for p in files] == ["net-1.0.aar", "net-1.0.pom", "maven-metadata.xml"]
    for path in files:
        for kind in ("md5", "sha1", "sha256", "sha512"):
            expected = hashlib.new(kind, path.read_bytes()).hexdigest()
            assert path.with_name(f"{path.name}.{kind}").read_text() == expected
    assert "<packaging>aar</packaging>" in files[1].read_text() and "<dependency>" not in files[1].read_text()
    names = aar(tmp_path / "android-armv7", "net").namelist()
    assert names == [
        "AndroidManifest.xml", "META-INF/com/android/build/gradle/aar-metadata.properties", "R.txt",
        "assets/net.tflite", "classes.jar", "jni/armeabi-v7a/libedgebuild_net.so", "proguard.txt",
    ]  # fmt: skip


def test_a_model_that_generated_c_cannot_run(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(unsupported())
    said: list[str] = []

    class Listener(pipeline.Listener):
        def warn(self, text: str) -> None:
            said.append(text)

    pipeline.check(settings(tmp_path / "net.tflite", tmp_path, "android"), "android", Listener())
    checked = said[:]
    said.clear()
    report = pipeline.build(settings(tmp_path / "net.tflite", tmp_path, "android"), "android", Listener())
    assert said == checked
    assert report.emulation is None and report.flash is None
    assert report.unproven[0].startswith("the model was not executed: generated C cannot run it")
    refusal = "net: android cannot run 1 operator of this model as it is"
    assert said[0] == f"{refusal}, so the package depends on LiteRT instead"
    assert said[1] == "ABS 'net/odd': there is no operator for it in edgebuild yet"
    package = aar(tmp_path / "android", "net")
    assert not [name for name in package.namelist() if name.startswith("jni/")]
    pom = (tmp_path / "android" / MAVEN / "net/1.0/net-1.0.pom").read_text()
    assert "<artifactId>litert</artifactId>\n      <version>1.4.2</version>" in pom
    jar = zipfile.ZipFile(io.BytesIO(package.read("classes.jar")))
    assert jar.namelist() == ["edgebuild/net/Model.class", "edgebuild/net/Tensor.class"]
    assert "not executed" in (tmp_path / "android/report.html").read_text()
    assert "the model was not executed" in (tmp_path / "android/android_aar/README.md").read_text()


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"budget__flash": 10_000}, "cannot be measured: net runs on LiteRT, which is not executed here"),
        (
            {"packages": ["c_library"]},
            "c_library needs generated C, and android cannot run 1 operator of the model as it is",
        ),
    ],
)
def test_what_litert_cannot_have(more: dict[str, object], rule: str, tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(unsupported())
    with pytest.raises(UsageError) as refused:
        pipeline.build(settings(tmp_path / "net.tflite", tmp_path / "out", "android", **more), "android")
    assert refused.value.rule == rule
    assert refused.value.details == ("ABS 'net/odd': there is no operator for it in edgebuild yet",)
    assert not (tmp_path / "out").exists()


def test_labels_must_fit_the_output(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("one\ntwo\n")
    build = settings(tiny, tmp_path / "out", "android-armv7", model__labels=str(tmp_path / "labels.txt"))
    with pytest.raises(UsageError, match="has 2 lines, and the model's first output has "):
        pipeline.build(build, "android-armv7")


def test_packages_of_another_family(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        pipeline.build(settings(tiny, tmp_path, "host", packages=["android_aar"]), "host")
    assert refused.value.rule == "android_aar is for targets of the family android, and host is host"
    with pytest.raises(UsageError) as refused:
        pipeline.build(settings(tiny, tmp_path, "android", packages=["firmware"]), "android")
    assert refused.value.rule == "firmware is for targets of the family cortex-m, and android is android"


def test_a_wrong_byte_is_found(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgebuild.pipeline import android as line

    right = line.compile_library

    def wrong(sources, request, stages):
        name = f"{sources.interface.name}_kernels.c"
        files = [
            dataclasses.replace(f, content=f.content.replace(b"output_max", b"output_min")) if f.path == name else f
            for f in sources.files
        ]
        return right(dataclasses.replace(sources, files=tuple(files)), request, stages)

    monkeypatch.setattr(line, "compile_library", wrong)
    with pytest.raises(MismatchError) as found:
        pipeline.build(settings(tiny, tmp_path / "out", "android-armv7"), "android-armv7")
    assert found.value.place == "net for armeabi-v7a"
    assert "output bytes of 4 inferences differ from tflm's" in found.value.rule
    assert not (tmp_path / "out").exists()


def test_two_builds_in_two_folders_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for folder in ("one", "two"):
        place = tmp_path / folder
        place.mkdir()
        (place / "net.tflite").write_bytes(zoo.tflite("keyword_spotting").read_bytes())
        monkeypatch.chdir(place)
        # two Java runtimes would be downloaded twice for nothing: armv7 needs none
        monkeypatch.setenv("EDGEBUILD_CACHE", str(place / "cache"))
        pipeline.build(settings(place / "net.tflite", place / "build", "android-armv7"), "android-armv7")
        bundle = place / "build"
        found.append({p.relative_to(bundle): p.read_bytes() for p in sorted(bundle.rglob("*")) if p.is_file()})
    different = [str(name) for name in found[0] if found[0][name] != found[1].get(name)]
    assert different == []
    assert not [name for name, content in found[0].items() if str(tmp_path).encode() in content]


def test_an_abi_is_one_small_file(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "tablet.toml").write_text(
        'inherits = "android-armv7"\ntitle = "Our tablet"\n[emulation]\ncpu = "cortex-a9"\n'
    )
    target = str(tmp_path / "tablet.toml")
    report = pipeline.build(settings(tiny, tmp_path, target), target)
    assert report.emulation is not None
    assert (report.emulation["cpu"], report.emulation["mismatched_bytes"]) == ("cortex-a9", 0)


@pytest.mark.parametrize("target", ["android-armv7", "android-x86_64"])
def test_every_operator_links_without_imports(target: str, tmp_path: Path) -> None:
    """What the compiler calls for each operator's C is in the library; the linker would refuse anything else."""
    from edgebuild import kernels, planner, toolchains
    from edgebuild.codegen.project import generate

    profile = load(target)
    for name in ops.names():
        op = ops.find(name)
        if not op.kernels:
            continue
        graph = next(iter(op.cases())).graph
        selection = kernels.select(graph, profile.cpu.features)
        sources = generate(graph, planner.plan(graph, selection), selection)
        whole = dataclasses.replace(sources, files=(*sources.files, *android.libc()))
        library = toolchains.build_library(profile, whole, tmp_path / name)
        toolchains.link_library(profile, library, android.glue(sources.interface), whole.files, "libx.so")


def test_an_installed_ndk_is_used_instead(tmp_path: Path) -> None:
    binaries = tmp_path / "ndk/toolchains/llvm/prebuilt/linux-x86_64/bin"
    binaries.mkdir(parents=True)
    for name in ("clang", "ld.lld", "llvm-ar", "llvm-nm", "llvm-objdump", "llvm-size", "llvm-objcopy"):
        (binaries / name).symlink_to(f"/usr/bin/{name}-14")
    (tmp_path / "net.tflite").write_bytes(write(next(iter(ops.find("add").cases())).graph))
    argv = [sys.executable, "-m", "edgebuild", "--model", "net.tflite", "--target", "android-armv7", "--json"]

    def command(ndk: Path) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "ANDROID_NDK_HOME": str(ndk)}
        return subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    done = command(tmp_path / "ndk")
    assert done.returncode == 0, done.stderr
    assert '"clang": "' in done.stdout and str(tmp_path / "ndk") not in done.stdout
    done = command(tmp_path / "nowhere")
    assert done.returncode == 7
    assert "remedy: set ANDROID_NDK_HOME to the folder of an installed NDK, or unset it to use " in done.stderr


ANDROID = {
    "android/os/Bundle.java": "package android.os; public class Bundle {}",
    "android/view/View.java": "package android.view; public class View {}",
    "android/widget/TextView.java": (
        "package android.widget; public class TextView extends android.view.View {"
        "public TextView(android.content.Context c) {} public void setText(CharSequence s) {}"
        "public void setTextSize(float s) {} public void setPadding(int a, int b, int c, int d) {} }"
    ),
    "android/content/res/AssetManager.java": (
        "package android.content.res; public class AssetManager {"
        "public java.io.InputStream open(String n) throws java.io.IOException { return null; } }"
    ),
    "android/content/Context.java": (
        "package android.content; public class Context {"
        "public android.content.res.AssetManager getAssets() { return null; } }"
    ),
    "android/app/Activity.java": (
        "package android.app; public class Activity extends android.content.Context {"
        "protected void onCreate(android.os.Bundle b) {} public void setContentView(android.view.View v) {} }"
    ),
}
"""As much of android.jar as the demo app is compiled against."""

TOOLS = {
    "d8": 'while [ "$1" != --output ]; do shift; done; test -f app.jar -a -f classes.jar && echo dex > $2/classes.dex',
    "aapt2": 'test "$1" = link && python3 -m zipfile -c base.apk AndroidManifest.xml',
    "apksigner": 'test "$1" = verify || for last; do :; done; test "$1" = verify || cp "$last" demo.apk',
}
"""An Android SDK that goes through the motions."""


@pytest.fixture
def sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "sdk"
    for path in ("build-tools/9.0.0", "build-tools/35.0.0", "platforms/android-9", "platforms/android-35"):
        (folder / path).mkdir(parents=True)
    for name, script in TOOLS.items():
        tool = folder / "build-tools/35.0.0" / name
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
    (folder / "build-tools/9.0.0/d8").touch()
    (folder / "platforms/android-9/android.jar").touch()
    for path, text in ANDROID.items():
        (tmp_path / "android" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "android" / path).write_text(text)
    run("javac", "-d", "classes", *(f"android/{path}" for path in ANDROID), cwd=tmp_path)
    run("jar", "cf", "sdk/platforms/android-35/android.jar", "-C", "classes", ".", cwd=tmp_path)
    monkeypatch.setenv("ANDROID_HOME", str(folder))
    return folder


def test_a_demo_app(sdk: Path, tiny: Path, tmp_path: Path) -> None:
    build = settings(tiny, tmp_path / "out", "android-armv7", packages=["android_apk"])
    report = pipeline.build(build, "android-armv7")
    assert report.unproven[-1].endswith("its signature and alignment were read back; it never ran")
    with zipfile.ZipFile(tmp_path / "out/android-armv7/android_apk/net-demo.apk") as app:
        assert app.namelist() == [
            "AndroidManifest.xml", "assets/test_vectors.bin", "classes.dex", "lib/armeabi-v7a/libedgebuild_net.so",
        ]  # fmt: skip
        assert app.read("assets/test_vectors.bin")[:4] == bytes([0, 0, 0, 4])
        assert b'android:targetSdkVersion="35"' in app.read("AndroidManifest.xml")


def test_without_an_sdk(sdk: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = settings(tiny, tmp_path / "out", "android-armv7", packages=["android_apk"])
    remedy = (
        'sdkmanager "build-tools;35.0.0" "platforms;android-35" and set ANDROID_HOME to the SDK\'s folder, '
        "or remove android_apk from packages"
    )
    (sdk / "platforms/android-35/android.jar").unlink()
    (sdk / "platforms/android-9/android.jar").unlink()
    with pytest.raises(ToolError) as refused:
        pipeline.build(build, "android-armv7")
    assert str(refused.value).splitlines() == [
        f"{sdk}: is not a complete Android SDK: it has no platforms with android.jar",
        f"  remedy: {remedy}",
    ]
    monkeypatch.delenv("ANDROID_HOME")
    with pytest.raises(ToolError) as refused:
        pipeline.build(build, "android-armv7")
    assert str(refused.value).splitlines() == [
        "android_apk: needs the Android SDK, and ANDROID_HOME is not set",
        f"  remedy: {remedy}",
    ]
    assert refused.value.exit_code == 7
    assert not (tmp_path / "out").exists()
