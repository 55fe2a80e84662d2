"""Reads the user's samples and insists that they are what the model takes.  Child only: it runs the user's file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebuild.config import DataSource
from edgebuild.errors import UsageError
from edgebuild.worker import reads, seeding, streams, user_code
from edgebuild.worker.streams import words


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of one source.

    Attributes:
        x: ``(count, *input shape)`` in the element type of the model's input.
        y: integer labels ``(count,)``, other targets as they are, or None.
        place: what the user calls the source.
    """

    x: NDArray[Any]
    y: NDArray[Any] | None
    place: str


def read(source: DataSource, role: str, shape: tuple[int, ...], dtype: str, seed: int) -> Samples:
    """The samples of ``source``.

    Args:
        role: ``calibration``, ``evaluation`` or ``training``, for messages.
        shape: what the model takes, beginning with batch 1.
        dtype: numpy's name of the input's element type.
        seed: of everything random in the user's function, so that shuffled and augmented data are always the same.

    Raises:
        UsageError: missing, unreadable, empty, of the wrong shape or type, not finite.
    """
    place = f"{source.path}:{source.function}" if source.function else str(source.path)
    if not source.path.exists():
        raise UsageError(place, f"the {role} data does not exist", "check the path")
    if source.kind == "python":
        x, y = _python(source, role, shape, seed, place)
    else:
        x, y = {"npz": _npz, "npy": _npy}[source.kind](source, place)
    return Samples(_inputs(x, role, shape, dtype, place), _labels(y, len(x), place), place)


def spread(samples: NDArray[Any], most: int) -> NDArray[Any]:
    """At most ``most`` of ``samples``, evenly spread, so that data sorted by class stays representative."""
    if len(samples) <= most:
        return samples
    return np.asarray(samples[np.linspace(0, len(samples) - 1, most).astype(np.int64)])


# ---- the kinds of sources ------------------------------------------------------------------------


def _npz(source: DataSource, place: str) -> tuple[NDArray[Any], NDArray[Any] | None]:
    try:
        with np.load(source.path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise UsageError(place, "is not an .npz file", "write it with numpy.savez(path, x=…, y=…)")
            if "x" not in archive.files:
                raise UsageError(
                    place,
                    f"has no array 'x'; it has {', '.join(archive.files) or 'none'}",
                    "write it with numpy.savez(path, x=…, y=…)",
                )
            return archive["x"], archive["y"] if "y" in archive.files else None
    except UsageError:
        raise
    except Exception as error:
        raise _unreadable(place, error) from error


def _npy(source: DataSource, place: str) -> tuple[NDArray[Any], NDArray[Any] | None]:
    if not (source.path / "x.npy").is_file():
        raise UsageError(place, "has no x.npy", "write the samples with numpy.save(folder / 'x.npy', x)")
    labels = source.path / "y.npy"
    try:
        return (
            np.load(source.path / "x.npy", allow_pickle=False),
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
    source: DataSource, role: str, shape: tuple[int, ...], seed: int, place: str
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    seeding.restart(seed)
    call = user_code.function(source)
    with reads.noted():
        seeding.restart(seed)  # the file may have been read long ago, or just now
        try:
            answer = call()
            if streams.is_stream(answer):
                return streams.draw(answer, role, shape, place)
        except (KeyboardInterrupt, MemoryError, UsageError):
            raise
        except BaseException as error:
            raise user_code.raised(place, source.path, error) from error
    if isinstance(answer, tuple):
        if len(answer) != 2:
            raise UsageError(place, f"returned a tuple of {len(answer)}", "return x, or (x, y)")
        return np.asarray(answer[0]), np.asarray(answer[1])
    return np.asarray(answer), None


# ---- what the model takes ------------------------------------------------------------------------


def _inputs(x: NDArray[Any], role: str, shape: tuple[int, ...], dtype: str, place: str) -> NDArray[Any]:
    if x.dtype.kind not in "fiub":
        raise UsageError(place, f"x is of the type {x.dtype}, but the model takes {dtype}", "give an array of numbers")
    wanted = shape[1:]
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
