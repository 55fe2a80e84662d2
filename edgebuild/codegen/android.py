"""What stands between an Android app and the generated C: a Java class, a JNI function, and what proves them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgebuild import __version__, exchange, resources
from edgebuild.artifacts import Interface, Port, SourceFile
from edgebuild.codegen import filters
from edgebuild.codegen.environment import render

GUARD_BYTES = 64
_TEMPLATES = "packages/android_aar"

_RESERVED = frozenset(
    "_ abstract assert boolean break byte case catch char class const continue default do double else enum extends "
    "false final finally float for goto if implements import instanceof int interface long native new null package "
    "private protected public return short static strictfp super switch synchronized this throw throws transient true "
    "try void volatile while".split()
)
"""Words that cannot be part of a Java package's name (The Java Language Specification, 3.9)."""


@dataclass(frozen=True)
class Binding:
    """The names under which Java finds the model.

    Attributes:
        package: of the Java classes.
        library: what ``System.loadLibrary`` is given.
        symbol: the native method's function, as the Java Native Interface spells it.
    """

    package: str
    library: str
    symbol: str

    @classmethod
    def of(cls, name: str) -> Binding:
        """The names for the model with C identifier ``name``."""
        last = f"{name}_" if name in _RESERVED else name
        # in a JNI name an underscore is a dot, and _1 an underscore
        return cls(f"edgebuild.{last}", f"edgebuild_{name}", f"Java_edgebuild_{last.replace('_', '_1')}_Model_run")

    @property
    def file(self) -> str:
        """File name of the native library."""
        return f"lib{self.library}.so"


def libc() -> tuple[SourceFile, ...]:
    """Headers in ``libc/`` with the little that generated C takes from the C library."""
    return tuple(_as_it_is(f"native/{name}", f"libc/{name}") for name in ("math.h", "string.h"))


def glue(interface: Interface) -> tuple[SourceFile, ...]:
    """C between Java and ``<name>_invoke``, and the functions that libc would bring; all in ``jni/``."""
    context = _context(interface)
    return (
        SourceFile("jni/jni.c", render(f"{_TEMPLATES}/native/jni.c.j2", **context).encode()),
        *(_as_it_is(f"native/{name}", f"jni/{name}") for name in ("jni_table.h", "runtime.c", "android_note.S")),
    )


def classes(interface: Interface, labels: Sequence[str], dependency: str | None) -> tuple[SourceFile, ...]:
    """The Java sources below ``java/``.

    Args:
        dependency: Maven coordinates of the runtime that runs the model; None when its own library does.
    """
    context = _context(interface)
    folder = f"java/{context['package'].replace('.', '/')}"
    context |= {
        "inputs": _ports(interface.inputs),
        "outputs": _ports(interface.outputs),
        "labels": [json.dumps(label) for label in labels],
        "dependency": dependency,
    }
    model = "Model" if dependency is None else "ModelOnLiteRt"
    return (
        SourceFile(f"{folder}/Model.java", render(f"{_TEMPLATES}/java/{model}.java.j2", **context).encode()),
        SourceFile(f"{folder}/Tensor.java", render(f"{_TEMPLATES}/java/Tensor.java.j2", **context).encode()),
    )


def stubs() -> tuple[SourceFile, ...]:
    """Java sources below ``stubs/`` that stand for Android's and LiteRT's classes while ours are compiled."""
    root = resources.folder("templates") / _TEMPLATES / "stubs"
    found = sorted(path for path in root.rglob("*.java"))
    return tuple(SourceFile(f"stubs/{path.relative_to(root).as_posix()}", path.read_bytes()) for path in found)


def java_prover(interface: Interface) -> SourceFile:
    """A Java program that calls the class over the vectors."""
    return SourceFile("prover/Prove.java", render("harness/jvm/Prove.java.j2", **_exchange(interface)).encode())


def native_prover(interface: Interface) -> tuple[SourceFile, ...]:
    """A C program in ``prover/`` that loads the library and calls it over the vectors."""
    context = _exchange(interface)
    return (
        SourceFile("prover/prove.c", render("harness/jni/prove.c.j2", **context).encode()),
        SourceFile("prover/exchange.h", render("harness/exchange.h.j2", **context).encode()),
        _as_it_is("native/jni_table.h", "prover/jni_table.h"),
    )


def _as_it_is(template: str, path: str) -> SourceFile:
    return SourceFile(path, (resources.folder("templates") / _TEMPLATES / template).read_bytes())


def _context(interface: Interface) -> dict[str, Any]:
    binding = Binding.of(interface.name)
    return {
        "prefix": interface.name,
        "version": __version__,
        "interface": interface,
        "package": binding.package,
        "library": binding.library,
        "symbol": binding.symbol,
        "input_bytes": sum(port.bytes for port in interface.inputs),
        "output_bytes": sum(port.bytes for port in interface.outputs),
        "input_offsets": _offsets(interface.inputs),
        "output_offsets": _offsets(interface.outputs),
    }


def _exchange(interface: Interface) -> dict[str, Any]:
    return {
        **_context(interface),
        "arena_bytes": interface.arena_bytes + interface.arena_alignment - 1,
        "guard_bytes": GUARD_BYTES,
        "inputs_magic": exchange.INPUTS_MAGIC,
        "record_magic": exchange.RECORD_MAGIC,
        "record_fields": exchange.RECORD_FIELDS,
        "not_measured": exchange.NOT_MEASURED,
        "statuses": tuple(exchange.Status),
    }


def _offsets(ports: Sequence[Port]) -> list[int]:
    """Where each port begins in the buffer that holds all of them, one after another."""
    return [sum(port.bytes for port in ports[:position]) for position in range(len(ports))]


def _ports(ports: Sequence[Port]) -> list[Mapping[str, object]]:
    found: list[Mapping[str, object]] = []
    for port, offset in zip(ports, _offsets(ports), strict=True):
        limits = np.iinfo(port.dtype) if np.dtype(port.dtype).kind in "iu" else None
        found.append(
            {
                "name": json.dumps(port.name),
                "type": port.dtype,
                "shape": port.shape,
                "bytes": port.bytes,
                "offset": offset,
                "scale": filters.literal(float(port.scale)),
                "zero_point": port.zero_point,
                "lowest": int(limits.min) if limits else 0,
                "highest": int(limits.max) if limits else 0,
            }
        )
    return found
