"""Reads the user's samples and insists that they are what the model takes.  Child only: it runs the user's file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebuild.config import DataSource
from edgebuild.errors import UsageError
from edgebuild.loaders import Input
from edgebuild.worker import parts, reads, seeding, streams, user_code
from edgebuild.worker.parts import words


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of one source.

    Attributes:
        xs: of each input ``(count, *input shape)`` in its element type.
        y: integer labels ``(count,)``, other targets as they are, or None.
        place: what the user calls the source.
    """

    xs: tuple[NDArray[Any], ...]
    y: NDArray[Any] | None
    place: str

    @property
    def x(self) -> NDArray[Any]:
        """Of the only input."""
        (only,) = self.xs
        return only

    def __len__(self) -> int:
        return len(self.xs[0])


def read(source: DataSource, role: str, inputs: Sequence[Input], seed: int) -> Samples:
    """The samples of ``source``.

    Args:
        role: ``calibration``, ``evaluation`` or ``training``, for messages.
        inputs: what the model takes.
        seed: of everything random in the user's function, so that shuffled and augmented data are always the same.

    Raises:
        UsageError: missing, unreadable, empty, of the wrong shape or type, not finite.
    """
    place = f"{source.path}:{source.function}" if source.function else str(source.path)
    if not source.path.exists():
        raise UsageError(place, f"the {role} data does not exist", "check the path")
    if source.kind == "python":
        found, y = _python(source, role, inputs, seed, place)
    else:
        found, y = {"npz": _npz, "npy": _npy}[source.kind](source, names(len(inputs)), place)
    xs = tuple(
        _input(x, role, entry, parts.of_input(entry, inputs, place)) for x, entry in zip(found, inputs, strict=True)
    )
    counts = {len(x) for x in xs}
    if len(counts) > 1:
        listed = ", ".join(f"{len(x)} of {entry.name!r}" for x, entry in zip(xs, inputs, strict=True))
        raise UsageError(place, f"has not as many samples of each input: {listed}", "give one of each a sample")
    return Samples(xs, _labels(y, len(xs[0]), place), place)


def names(inputs: int) -> list[str]:
    """What the arrays are called in files."""
    return ["x"] if inputs == 1 else [f"x{number}" for number in range(inputs)]


def spread(samples: NDArray[Any], most: int) -> NDArray[Any]:
    """At most ``most`` of ``samples``, evenly spread, so that data sorted by class stays representative."""
    if len(samples) <= most:
        return samples
    return np.asarray(samples[np.linspace(0, len(samples) - 1, most).astype(np.int64)])


# ---- the kinds of sources ------------------------------------------------------------------------


def _npz(source: DataSource, names: list[str], place: str) -> tuple[list[NDArray[Any]], NDArray[Any] | None]:
    remedy = f"write it with numpy.savez(path, {', '.join(f'{name}=…' for name in (*names, 'y'))})"
    try:
        with np.load(source.path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise UsageError(place, "is not an .npz file", remedy)
            for name in names:
                if name not in archive.files:
                    there = ", ".join(archive.files) or "none"
                    raise UsageError(place, f"has no array {name!r}; it has {there}", remedy)
            return [archive[name] for name in names], archive["y"] if "y" in archive.files else None
    except UsageError:
        raise
    except Exception as error:
        raise _unreadable(place, error) from error


def _npy(source: DataSource, names: list[str], place: str) -> tuple[list[NDArray[Any]], NDArray[Any] | None]:
    for name in names:
        if not (source.path / f"{name}.npy").is_file():
            raise UsageError(
                place, f"has no {name}.npy", f"write the samples with numpy.save(folder / '{name}.npy', x)"
            )
    labels = source.path / "y.npy"
    try:
        return (
            [np.load(source.path / f"{name}.npy", allow_pickle=False) for name in names],
            np.load(labels, allow_pickle=False) if labels.is_file() else None,
        )
    except Exception as error:
        raise _unreadable(place, error) from error


def _unreadable(place: str, error: Exception) -> UsageError:
    return UsageError(
        place,
        "cannot be read as numpy arrays; pickled objects are refused, since they run code",
        "write plain numeric arrays with numpy.savez or numpy.save",
        (str(error).splitlines()[0][:300] if str(error) else type(error).__name__,),
    )


def _python(
    source: DataSource, role: str, inputs: Sequence[Input], seed: int, place: str
) -> tuple[list[NDArray[Any]], NDArray[Any] | None]:
    seeding.restart(seed)
    call = user_code.function(source)
    with reads.noted():
        seeding.restart(seed)  # the file may have been read long ago, or just now
        try:
            answer = call()
            if streams.is_stream(answer):
                return streams.draw(answer, role, inputs, place)
        except (KeyboardInterrupt, MemoryError, UsageError):
            raise
        except BaseException as error:
            raise user_code.raised(place, source.path, error) from error
    if not isinstance(answer, tuple):
        return parts.take(answer, inputs, place), None
    if len(answer) != 2:
        raise UsageError(place, f"returned a tuple of {len(answer)}", "return x, or (x, y)")
    return parts.take(answer[0], inputs, place), parts.array(answer[1], place)


# ---- what the model takes ------------------------------------------------------------------------


def _input(x: NDArray[Any], role: str, entry: Input, place: str) -> NDArray[Any]:
    dtype = entry.dtype
    if x.dtype.kind not in "fiub":
        raise UsageError(place, f"x is of the type {x.dtype}, but the model takes {dtype}", "give an array of numbers")
    wanted = entry.shape[1:]
    if x.ndim == 0 or x.shape[1:] != wanted:
        one_more = x.shape[1:] == wanted[:-1] and wanted[-1:] == (1,)
        raise UsageError(
            place,
            f"the {role} data has the shape {words(x.shape)}, but the model wants {words(('n', *wanted))}",
            "add the channel: x[..., numpy.newaxis]" if one_more else "reshape it, or prepare it as for training",
        )
    if len(x) == 0:
        raise UsageError(place, f"the {role} data is empty", "give some samples")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise UsageError(place, f"the {role} data holds NaN or infinity", "remove those samples")
    if x.dtype.kind == "f" and not dtype.startswith("float"):
        raise UsageError(place, f"x is of the type {x.dtype}, but the model takes {dtype}", "give whole numbers")
    return np.ascontiguousarray(x, dtype=dtype)


def _labels(y: NDArray[Any] | None, count: int, place: str) -> NDArray[Any] | None:
    """Labels as whole numbers where they are that (one-hot ones too), else the targets as they are."""
    if y is None:
        return None
    if y.dtype.kind not in "fiub":
        raise UsageError(place, f"y is of the type {y.dtype}", "give numbers: the index of each sample's class")
    if y.ndim == 0 or len(y) != count:
        found = "one value" if y.ndim == 0 else f"{len(y)} labels"
        raise UsageError(place, f"has {count} samples but {found}", "give one label a sample")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        y = y.argmax(axis=1)
    if y.ndim == 1 and (y == np.floor(y)).all():
        return y.astype(np.int64)
    return y
