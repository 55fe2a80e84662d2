"""The TFLite runtimes that Linux boards get, each as certain files, and what is downloaded to prove them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgebuild import cache, emulators
from edgebuild.pipeline.fetch import Debian, Wheel, versions
from edgebuild.target.profile import Profile


@dataclass(frozen=True)
class Runtime:
    """A release of TFLite for Linux.

    Attributes:
        name, version: as people say it.
        package, module: the Python distribution, and what is imported from it.
        numpy: versions of numpy that it takes.
        wheels: by machine, as ``uname -m`` names it; all of one version, so that their kernels are the same.
        library: path of the C library in them; empty where they have none.
    """

    name: str
    version: str
    package: str
    module: str
    numpy: str
    wheels: Mapping[str, Wheel]
    library: str = ""

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"


def _wheels(requirement: str, files: Mapping[str, tuple[tuple[str, ...], str]]) -> Mapping[str, Wheel]:
    return {machine: Wheel(requirement, "311", tags, sha256) for machine, (tags, sha256) in files.items()}


LITERT = Runtime(
    name="LiteRT",
    version="2.3.0",
    package="ai-edge-litert",
    module="ai_edge_litert",
    numpy="",
    wheels=_wheels(
        "ai-edge-litert==2.3.0",
        {
            "aarch64": (
                ("manylinux_2_27_aarch64",),
                "853fc608f96da87bd5f3458465dfb9abbf18d5ae6b94eceacead407146f175ae",
            ),
            "x86_64": (
                ("manylinux_2_27_x86_64",),
                "1f15078a6725d2357d9de9221664c29afa0545d807559c5f7199ce5e40b96b23",
            ),
        },
    ),
    library="ai_edge_litert/libLiteRt.so",
)
"""Nothing else of the wheel is shipped: its WebGPU accelerator stops a Cortex-A53 or A72 with SIGILL."""

TFLITE = Runtime(
    name="TensorFlow Lite",
    version="2.14.0",
    package="tflite-runtime",
    module="tflite_runtime",
    numpy="<2",
    wheels=_wheels(
        "tflite-runtime==2.14.0",
        {
            "armv7l": (
                ("manylinux_2_34_armv7l",),
                "c4e66a74165b18089c86788400af19fa551768ac782d231a9beae2f6434f7949",
            ),
            "x86_64": (
                ("manylinux2014_x86_64",),
                "195ab752e7e57329a68e54dd3dd5439fad888b9bff1be0f0dc042a3237a90e4d",
            ),
        },
    ),
)
"""The last one for 32-bit Arm, and for Python 3.11 at most."""


@dataclass(frozen=True)
class System:
    """What a toolchain compiles for.

    Attributes:
        architecture: as Debian names it.
        machines: what ``uname -m`` says where it runs; a 32-bit system may have a 64-bit kernel.
        runtime: its TFLite runtime, or None where there is none for that CPU.
    """

    architecture: str
    machines: tuple[str, ...]
    runtime: Runtime | None


SYSTEMS = {
    "gcc_aarch64": System("arm64", ("aarch64",), LITERT),
    "gcc_armhf": System("armhf", ("armv7l", "armv8l", "aarch64"), TFLITE),
    "gcc_armel": System("armhf", ("armv6l", "armv7l", "armv8l", "aarch64"), None),
}
"""By toolchain.  What is compiled for Armv6 is static, and installs on Raspberry Pi OS, which calls itself armhf."""

KERNEL = Debian("arm64", ("linux-image-arm64/",), r"boot/vmlinuz-", most=1)
LIBRARIES = Debian(
    "arm64",
    ("libc6", "libgcc-s1", "libstdc++6"),
    r"(usr/)?lib/(aarch64-linux-gnu/)?(ld-linux-aarch64|libc|libm|libdl|libpthread|libgcc_s|libstdc\+\+)\.so",
)


def system(profile: Profile) -> System:
    """The system that ``profile`` compiles for."""
    return SYSTEMS[profile.toolchain]


def kernel(profile: Profile) -> Mapping[str, str]:
    """Which Linux the emulated system of ``profile`` has, for the report; nothing where none is booted."""
    folder = cache.find(*emulators.KERNEL)
    if folder is None or not emulators.find(profile.emulation.emulator).boots:
        return {}
    return versions(folder)


PYTHON = "usr/bin/python3.11"
"""The newest Python that the last 32-bit runtime is for: Debian 12's."""


def python_tree(architecture: str) -> Debian:
    """That Python with numpy, as Debian has it for ``architecture``."""
    own = {"amd64": ("libquadmath0",), "armhf": ("libatomic1",)}[architecture]
    triplet = {"amd64": "x86_64-linux-gnu", "armhf": "arm-linux-gnueabihf"}[architecture]
    python = ("python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "python3-numpy")
    libraries = ("libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1", "libffi8", "libgfortran5")
    unwanted = r"usr/lib/python3/dist-packages/numpy/(.*/tests/|f2py/|distutils/|typing/)|usr/lib/[^/]+/gconv/"
    return Debian(
        architecture,
        (*libraries, "libblas3", "liblapack3", *python, *own),
        rf"(?!{unwanted})(usr/)?(lib|lib64|bin)/",
        links=tuple((f"usr/lib/{triplet}/lib{name}.so.3", f"{name}/lib{name}.so.3") for name in ("blas", "lapack")),
    )
