"""Fashion-MNIST as Debian packages it: 28 x 28 grey images of ten kinds of clothing.

edgebuild calls `training`, `calibration` and `evaluation`; `edgebuild.toml` says so. Each returns what the model
was trained on: images from 0 to 1, with a channel.
"""

import gzip
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np

FOLDERS = ("/usr/share/datasets/fashion-mnist", "/usr/share/dataset-fashion-mnist")
PACKAGE = "dataset-fashion-mnist"


def training():
    """The 60,000 training images."""
    return images("train"), labels("train")


def calibration():
    """200 training images: enough to find the range of every activation."""
    return images("train")[:200]


def evaluation():
    """The 10,000 test images, which neither training nor calibration has seen."""
    return images("t10k"), labels("t10k")


def images(part):
    """Images of `part` ("train" or "t10k"), float32, (count, 28, 28, 1)."""
    raw, (count, height, width) = read_idx(f"{part}-images-idx3-ubyte.gz")
    return raw.reshape(count, height, width, 1).astype(np.float32) / 255.0


def labels(part):
    """Labels of `part`, int64, (count,)."""
    raw, _ = read_idx(f"{part}-labels-idx1-ubyte.gz")
    return raw.astype(np.int64)


def read_idx(name):
    """Bytes and shape of a gzipped IDX file of unsigned bytes."""
    with gzip.open(find(name)) as file:
        _, kind, rank = struct.unpack(">HBB", file.read(4))
        if kind != 8:
            raise ValueError(f"{name}: element type {kind} is not unsigned bytes")
        shape = struct.unpack(f">{rank}I", file.read(4 * rank))
        return np.frombuffer(file.read(), np.uint8), shape


def find(name):
    """Where the file lies: in FASHION_MNIST, where Debian puts it, or wherever dpkg says that it is."""
    for folder in (os.environ.get("FASHION_MNIST"), *FOLDERS):
        if folder and (Path(folder) / name).is_file():
            return Path(folder) / name
    try:
        listed = subprocess.run(["dpkg", "-L", PACKAGE], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        listed = ""
    for line in listed.splitlines():
        if line.endswith(name):
            return Path(line)
    raise FileNotFoundError(f"{name} is not installed: apt-get install {PACKAGE}")


if __name__ == "__main__":
    x, y = evaluation()
    print(f"{len(x)} test images of shape {x.shape[1:]}, {len(set(y.tolist()))} classes", file=sys.stderr)
