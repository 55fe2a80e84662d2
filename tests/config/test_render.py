"""The JSON Schema and the starter file say the same as the reader."""

import tomllib
from pathlib import Path

import jsonschema
import pytest

from edgebuild import config
from edgebuild.cli import _techniques
from edgebuild.config import render
from edgebuild.config.key import Key
from edgebuild.config.schema import KEYS
from edgebuild.errors import UsageError
from tests.config.test_read import FULL, written

SCHEMA = render.json_schema(_techniques.schemas())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
ROOT = Path(__file__).resolve().parents[2]

WRONG = [
    'targts = ["cortex-m4"]',
    "targets = []",
    'targets = "cortex-m4"',
    "seed = -1",
    "seed = true",
    "model = 3",
    '[model]\nio = "int4"',
    '[model]\nname = "my-net"',
    '[model]\nfinal_softmax = "no"',
    "[data]\ncalibration = 1",
    "[compress]\nsteps = [{ prun = {} }]",
    '[compress]\nsteps = [{ prune = {}, quantize = "int8" }]',
    '[compress]\nsteps = [{ quantize = "int9" }]',
    "[proof]\nvectors = 0",
    '[budget]\nflash = "256k"',
    "[budget]\nram = 0",
    "[gates]\naccuracy = 91",
    "[gates]\nacuracy = 0.9",
    'packages = ["c_arry"]',
    "[target.cortex-m4]\nseed = 1",
    "[target.cortex-m4.budget]\nflsh = 1",
    '[target.cortex-m4.data]\ncalibration = "x.npz"',
]


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_a_full_file_is_valid() -> None:
    VALIDATOR.validate(tomllib.loads(FULL))


@pytest.mark.parametrize("text", WRONG)
def test_schema_and_reader_refuse_the_same(here: Path, text: str) -> None:
    assert not VALIDATOR.is_valid(tomllib.loads(text))
    with pytest.raises(UsageError):
        config.read(written(here, text))


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.dotted)
def test_every_example_is_valid(here: Path, key: Key) -> None:
    section = ".".join(key.path[:-1])
    text = (f"[{section}]\n" if section else "") + f"{key.path[-1]} = {key.example}\n"
    VALIDATOR.validate(tomllib.loads(text))
    assert config.read(written(here, text)).values


def test_the_starter_file_loads(here: Path) -> None:
    text = render.starter({"targets": '["cortex-m4"]', "model.path": '"net.tflite"'})
    VALIDATOR.validate(tomllib.loads(text))
    assert config.load(written(here, text)).targets == ("cortex-m4",)


def test_the_starter_file_with_everything_switched_on_loads(here: Path) -> None:
    text = render.starter({key.dotted: key.example for key in KEYS})
    build = config.load(written(here, text))
    assert {"steps", "budget", "packages"} <= {name for name in vars(build) if getattr(build, name)}


@pytest.mark.parametrize("file", sorted(ROOT.glob("examples/*/edgebuild.toml")), ids=lambda file: file.parent.name)
def test_examples_are_valid(file: Path) -> None:
    VALIDATOR.validate(tomllib.loads(file.read_text("utf-8")))
    config.load(file, {"targets": ["cortex-m4"]})
