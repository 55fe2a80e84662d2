"""What a profile's TOML may say, and the frozen profile made from it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any

from edgebuild.errors import UsageError
from edgebuild.target.profile import Cpu, Emulation, OperatorLimits, Profile, Region
from edgebuild.target.toml import Document, Key, size

FEATURES = frozenset({"thumb", "thumb2", "dsp", "mve", "fpu", "neon", "dotprod", "fp16"})
"""What kernels may ask of a CPU."""

_C_KEYWORDS = frozenset("auto const double extern float int long register short signed static void volatile".split())

GUARDS = 256
"""Bytes that the test program may add to a memory."""

_REGION_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


def _text(value: object) -> bool:
    return isinstance(value, str)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _size(value: object) -> bool:
    return size(value) is not None


def _address(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 32


def _speed(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _version(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _one_of(*choices: str) -> Callable[[object], bool]:
    return lambda value: value in choices


ANY = "*"
"""Stands for any key of a table whose keys the profile chooses (memory regions, operators)."""

_SIZE_WORDS = 'must be a size: bytes, or words like "640 KiB"'
_TEXTS_WORDS = "must be a list of strings"

SCHEMA: Mapping[Key, tuple[Callable[[object], bool], str]] = {
    ("inherits",): (_text, "must be the name of another target"),
    ("title",): (_text, "must be a string"),
    ("family",): (_one_of("cortex-m", "linux", "android", "host"), "must be cortex-m, linux, android or host"),
    ("engine",): (_one_of("c", "litert"), "must be c or litert"),
    ("io",): (_one_of("int8", "float32"), "must be int8 or float32"),
    ("toolchain",): (_text, "must be the name of a toolchain"),
    ("packages",): (_texts, _TEXTS_WORDS),
    ("also",): (_texts, _TEXTS_WORDS),
    ("cpu", "name"): (_text, "must be a string"),
    ("cpu", "features"): (_texts, _TEXTS_WORDS),
    ("cpu", "flags"): (_texts, _TEXTS_WORDS),
    ("cpu", "abi"): (_text, "must be a string"),
    ("memory", ANY, "kind"): (_one_of("flash", "ram"), "must be flash or ram"),
    ("memory", ANY, "bytes"): (_size, _SIZE_WORDS),
    ("memory", ANY, "address"): (_address, "must be a 32-bit address"),
    ("memory", ANY, "speed"): (_speed, "must be a positive number: bytes a cycle"),
    ("operators", "allowed"): (_texts, _TEXTS_WORDS),
    ("operators", "refused"): (_texts, _TEXTS_WORDS),
    ("operators", "dtypes"): (_texts, _TEXTS_WORDS),
    ("operators", "versions", ANY): (_version, "must be a positive integer"),
    ("emulation", "emulator"): (_text, "must be the name of an emulator"),
    ("emulation", "machine"): (_text, "must be a string"),
    ("emulation", "cpu"): (_text, "must be a string"),
    ("emulation", "origins", ANY): (_address, "must be a 32-bit address"),
    ("emulation", "harness_bytes"): (_size, _SIZE_WORDS),
    ("emulation", "capacity", ANY): (_size, _SIZE_WORDS),
}
_REQUIRED: tuple[Key, ...] = (
    *((key,) for key in ("title", "family", "engine", "io", "toolchain", "packages")),
    ("cpu", "name"),
    ("emulation", "emulator"),
)


def check(document: Document) -> None:
    """Every key of one file is known and of the right type, whatever it inherits.

    Raises:
        UsageError: with file and line.
    """
    _check(document, document.data, ())


def _check(document: Document, table: Mapping[str, Any], prefix: Key) -> None:
    for name, value in table.items():
        key = (*prefix, name)
        below = [pattern for pattern in SCHEMA if _matches(pattern[: len(key)], key)]
        if not below:
            known = {p[len(prefix)] for p in SCHEMA if len(p) > len(prefix) and _matches(p[: len(prefix)], prefix)}
            raise document.unknown(key, known)
        leaf = next((pattern for pattern in below if len(pattern) == len(key)), None)
        if leaf is None:
            if not isinstance(value, Mapping):
                raise document.refuse(key, f"{'.'.join(key)!r} must be a table", f"write [{'.'.join(key)}]")
            _check(document, value, key)
            continue
        valid, words = SCHEMA[leaf]
        if not valid(value):
            raise document.refuse(key, f"{'.'.join(key)!r} {words}, not {value!r}", "correct the value")
        if key == ("cpu", "features"):
            for feature in value:
                if feature not in FEATURES:
                    raise document.unknown((*key, feature), FEATURES, "feature")


def _matches(pattern: Key, key: Key) -> bool:
    return len(pattern) == len(key) and all(p in (ANY, k) for p, k in zip(pattern, key, strict=True))


def profile(chain: tuple[Document, ...], data: Mapping[str, Any]) -> Profile:
    """The profile that the merged tables ``data`` describe.

    Args:
        chain: the files they come from, the profile's own last.

    Raises:
        UsageError: something needed is missing, or two statements contradict one another.
    """
    own = chain[-1]
    for key in _REQUIRED:
        if _get(data, key) is None:
            remedy = "state it, or inherit from a target that does"
            raise UsageError(str(own.path), f"{'.'.join(key)!r} is missing", remedy)
    cpu, emulation = data["cpu"], data["emulation"]
    operators = data.get("operators", {})
    made = Profile(
        name=own.path.stem,
        title=data["title"],
        family=data["family"],
        engine=data["engine"],
        cpu=Cpu(cpu["name"], frozenset(cpu.get("features", ())), tuple(cpu.get("flags", ())), cpu.get("abi", "")),
        memory=tuple(_region(own, name, table) for name, table in data.get("memory", {}).items()),
        toolchain=data["toolchain"],
        emulation=Emulation(
            emulator=emulation["emulator"],
            machine=emulation.get("machine", ""),
            cpu=emulation.get("cpu", ""),
            origins=dict(emulation.get("origins", {})),
            harness_bytes=size(emulation.get("harness_bytes", 0)) or 0,
            capacity={name: size(value) or 0 for name, value in emulation.get("capacity", {}).items()},
        ),
        packages=tuple(data["packages"]),
        io=data["io"],
        operators=OperatorLimits(
            allowed=tuple(operators["allowed"]) if "allowed" in operators else None,
            refused=tuple(operators.get("refused", ())),
            dtypes=tuple(operators.get("dtypes", OperatorLimits().dtypes)),
            versions=dict(operators.get("versions", {})),
        ),
        files=tuple(document.path for document in chain),
    )
    if made.family == "cortex-m":
        _bare_metal(own, made)
    return made


def _region(own: Document, name: str, table: Mapping[str, Any]) -> Region:
    if not _REGION_NAME.fullmatch(name):
        raise own.refuse(("memory", name), f"memory region {name!r} cannot stand in a linker script", "use capitals")
    for key in ("kind", "bytes"):
        if key not in table:
            raise own.refuse(("memory", name), f"'memory.{name}.{key}' is missing", "state it")
    if name.lower() in _C_KEYWORDS:
        raise own.refuse(("memory", name), f"memory region {name!r} cannot name a variable in C", "call it otherwise")
    return Region(name, table["kind"], size(table["bytes"]) or 0, table.get("address"), float(table.get("speed", 1)))


def _bare_metal(own: Document, made: Profile) -> None:
    """A core without an operating system: one flash, RAM, all with a place in the emulated machine."""
    found = [region.name for region in made.regions("flash")]
    if len(found) != 1:
        rule = f"needs exactly one memory of kind flash, found: {', '.join(found) or 'none'}"
        raise own.refuse(("memory",), rule, "state the one to use")
    if not made.regions("ram"):
        raise own.refuse(("memory",), "needs a memory of kind ram, found: none", "state at least one")
    emulation = made.emulation
    for name in ("HARNESS", *(region.name for region in made.memory)):
        if name not in emulation.origins:
            key = ("emulation", "origins", name)
            raise own.refuse(key, f"'emulation.origins.{name}' is missing", "state its address in the emulated machine")
    for region in made.memory:
        most = emulation.capacity.get(region.name)
        if most is not None and region.bytes > most:
            raise own.refuse(
                ("memory", region.name, "bytes"),
                f"{region.name} has {region.bytes} bytes, the emulated machine {emulation.machine} only {most}",
                "state at most that, or emulate another machine",
            )
    spans = [(emulation.origins[region.name], region.bytes + GUARDS, region.name) for region in made.memory]
    spans.append((emulation.origins["HARNESS"], emulation.harness_bytes, "HARNESS"))
    for (begin, length, below), (following, _, above) in itertools.pairwise(sorted(spans)):
        if begin + length > following:
            raise own.refuse(
                ("emulation", "origins", above),
                f"{below} and {above} overlap in the emulated machine, where a memory has {GUARDS} guard bytes besides",
                "place them apart",
            )


def _get(data: Mapping[str, Any], key: Key) -> object:
    value: object = data
    for name in key:
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value
