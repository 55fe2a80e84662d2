"""The exact words for everything that an edgebuild.toml can get wrong."""

from pathlib import Path

import pytest

from edgebuild import config
from edgebuild.errors import ExitCode, UsageError

TEXTS = {
    'targts = ["cortex-m4"]': ("edgebuild.toml:1: unknown key 'targts'\n  remedy: did you mean 'targets'?"),
    "seed = 1\n\n[budget]\nflsh = 1": (
        "edgebuild.toml:4: unknown key 'flsh' in [budget]\n  remedy: did you mean 'flash'?"
    ),
    '[budget]\npackages = ["c_array"]': (
        "edgebuild.toml:2: unknown key 'packages' in [budget]\n  remedy: 'packages' belongs above the first [section]"
    ),
    'io = "int8"': ("edgebuild.toml:1: unknown key 'io'\n  remedy: it belongs in [model]"),
    "[budgt]\nflash = 1": ("edgebuild.toml:1: unknown key 'budgt'\n  remedy: did you mean 'budget'?"),
    "budget = 3": ("edgebuild.toml:1: 'budget' is a section\n  remedy: write [budget]"),
    'targets = "cortex-m4"': (
        "edgebuild.toml:1: targets: expected a list of targets such as [\"cortex-m4\"], found 'cortex-m4'\n"
        '  remedy: write a list of targets such as ["cortex-m4"]'
    ),
    "targets = []": (
        'edgebuild.toml:1: targets: expected a list of targets such as ["cortex-m4"], found []\n'
        '  remedy: write a list of targets such as ["cortex-m4"]'
    ),
    'targets = ["a", "b",\n"a"]': ("edgebuild.toml:2: targets: 'a' is listed twice\n  remedy: name each once"),
    "seed = true": (
        "edgebuild.toml:1: seed: expected a whole number from 0 to 2147483647, found true\n"
        "  remedy: write a whole number from 0 to 2147483647"
    ),
    "seed = -1": (
        "edgebuild.toml:1: seed: expected a whole number from 0 to 2147483647, found -1\n"
        "  remedy: write a whole number from 0 to 2147483647"
    ),
    '[model]\nio = "int4"': (
        "edgebuild.toml:2: model.io: expected \"int8\" or \"float32\", found 'int4'\n  remedy: did you mean 'int8'?"
    ),
    '[model]\nname = "my-net"': (
        "edgebuild.toml:2: model.name: expected a C identifier of letters, digits and underscores, found 'my-net'\n"
        '  remedy: write "my_net"'
    ),
    '[model]\nname = "int"': (
        "edgebuild.toml:2: model.name: expected a C identifier of letters, digits and underscores, found 'int'\n"
        '  remedy: write "model_int"'
    ),
    '[model]\nfinal_softmax = "no"': (
        "edgebuild.toml:2: model.final_softmax: expected true or false, found 'no'\n  remedy: write true or false"
    ),
    "[model]\npath = 3": ("edgebuild.toml:2: model.path: expected a path, found 3\n  remedy: write a path"),
    '[model]\ncustom = "layers"': (
        "edgebuild.toml:2: model.custom: expected a Python file such as \"layers.py\", found 'layers'\n"
        '  remedy: write a Python file such as "layers.py"'
    ),
    '[data]\ncalibration = "data.py"': (
        'edgebuild.toml:2: data.calibration: expected "file.npz", "folder/" with x.npy and y.npy, '
        "or \"file.py:function\", found 'data.py'\n"
        '  remedy: name the function too: "data.py:function"'
    ),
    '[data]\ncalibration = "data.py:2"': (
        'edgebuild.toml:2: data.calibration: expected "file.npz", "folder/" with x.npy and y.npy, '
        "or \"file.py:function\", found 'data.py:2'\n"
        "  remedy: name a function behind the colon"
    ),
    '[data]\ncalibration = "x.csv"': (
        'edgebuild.toml:2: data.calibration: expected "file.npz", "folder/" with x.npy and y.npy, '
        "or \"file.py:function\", found 'x.csv'\n"
        '  remedy: write "file.npz", "folder/" with x.npy and y.npy, or "file.py:function"'
    ),
    "[compress]\nsteps = [\n  { prun = {} },\n]": (
        "edgebuild.toml:3: compress.steps: there is no technique 'prun'\n  remedy: did you mean 'prune'?"
    ),
    "[compress]\nsteps = [{ prune = 0.5 }]": (
        "edgebuild.toml:2: compress.steps: expected a table of settings, found 0.5\n  remedy: write { prune = { … } }"
    ),
    '[compress]\nsteps = [{ quantize = "int9" }]': (
        "edgebuild.toml:2: compress.steps: there is no precision 'int9'\n  remedy: did you mean 'int8'?"
    ),
    '[compress]\nsteps = [\n  { quantize = "int8" },\n  { prune = {} },\n]': (
        "edgebuild.toml:4: compress.steps: a step follows quantize\n  remedy: let quantize be the last step"
    ),
    '[compress]\nsteps = "prune"': (
        "edgebuild.toml:2: compress.steps: expected a list of steps such as "
        "{ prune = { sparsity = 0.5 } }, found 'prune'\n"
        "  remedy: write a list of steps such as { prune = { sparsity = 0.5 } }"
    ),
    '[budget]\nflash = "256k"': (
        'edgebuild.toml:2: budget.flash: expected a size in bytes such as 65536, "256K" or "1M", found \'256k\'\n'
        '  remedy: write a size in bytes such as 65536, "256K" or "1M"'
    ),
    "[budget]\nflash = 0": (
        'edgebuild.toml:2: budget.flash: expected a size in bytes such as 65536, "256K" or "1M", found 0\n'
        '  remedy: write a size in bytes such as 65536, "256K" or "1M"'
    ),
    "[gates]\naccuracy = 91": (
        "edgebuild.toml:2: gates.accuracy: expected a fraction from 0 to 1, found 91\n  remedy: 91 % is written 0.91"
    ),
    "[gates]\naccuracy = 200": (
        "edgebuild.toml:2: gates.accuracy: expected a fraction from 0 to 1, found 200\n"
        "  remedy: write a fraction from 0 to 1"
    ),
    '[gates]\naccuracy = "high"': (
        "edgebuild.toml:2: gates.accuracy: expected a fraction from 0 to 1, found 'high'\n"
        "  remedy: write a fraction from 0 to 1"
    ),
    'packages = ["c_arry"]': (
        "edgebuild.toml:1: packages: there is no package format 'c_arry'\n  remedy: did you mean 'c_array'?"
    ),
    "[target.cortex-m4]\nseed = 1": (
        "edgebuild.toml:2: 'seed' cannot differ between targets\n  remedy: set seed once, for all targets"
    ),
    "[target.cortex-m4.budget]\nflsh = 1": (
        "edgebuild.toml:2: unknown key 'flsh' in [target.cortex-m4.budget]\n  remedy: did you mean 'flash'?"
    ),
    "[target.cortex-m4]\nflash = 1": (
        "edgebuild.toml:2: unknown key 'flash' in [target.cortex-m4]\n  remedy: it belongs in [target.cortex-m4.budget]"
    ),
    'target = "cortex-m4"': ("edgebuild.toml:1: 'target' holds one section a target\n  remedy: write targets = […]"),
    "[target]\ncortex-m4 = 1": (
        "edgebuild.toml:2: 'target.cortex-m4' is a section\n"
        "  remedy: write [target.cortex-m4], or targets = […] for the list"
    ),
}


@pytest.mark.parametrize("text", TEXTS)
def test_text(here: Path, text: str) -> None:
    (here / "edgebuild.toml").write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        config.read(Path("edgebuild.toml"))
    assert str(caught.value) == TEXTS[text]
    assert caught.value.exit_code == ExitCode.USAGE == 2


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[model]\nname = 'a'\nname = 'b'\n", "edgebuild.toml:3"),
        ("[model\n", "edgebuild.toml:1"),
        ("\na = \n", "edgebuild.toml:2"),
        ('x = """abc\n', "edgebuild.toml:2"),
    ],
)
def test_syntax(here: Path, text: str, place: str) -> None:
    """The words after the colon are the parser's, and differ between Python versions."""
    (here / "edgebuild.toml").write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        config.read(Path("edgebuild.toml"))
    assert caught.value.place == place
    assert caught.value.rule.startswith("not valid TOML: ")
    assert caught.value.remedy.startswith("look at ")


def test_not_utf8(here: Path) -> None:
    (here / "edgebuild.toml").write_bytes(b"# fine\n# \xff\n")
    with pytest.raises(UsageError) as caught:
        config.read(Path("edgebuild.toml"))
    assert str(caught.value) == "edgebuild.toml:2: not UTF-8\n  remedy: save the file as UTF-8"


def test_an_unknown_key_that_resembles_nothing_lists_what_is_known(here: Path) -> None:
    (here / "edgebuild.toml").write_text("zzz = 1", "utf-8")
    with pytest.raises(UsageError) as caught:
        config.read(Path("edgebuild.toml"))
    assert str(caught.value) == (
        "edgebuild.toml:1: unknown key 'zzz'\n"
        "  remedy: known here: budget, compact_weights, compress, data, engine, gates, memory, model, optimize, "
        "output, packages, proof, seed, skip_passes, target, targets"
    )


INCOMPLETE = {
    'model.path = "x.tflite"': (
        "edgebuild.toml: no targets is given\n  remedy: set targets in edgebuild.toml, or give --target"
    ),
    'targets = ["host"]': (
        "edgebuild.toml: no model.path is given\n  remedy: set model.path in edgebuild.toml, or give --model"
    ),
    'targets = ["host"]\nmodel.path = "x.tflite"\n[target.hst.budget]\nflash = 1': (
        "edgebuild.toml:3: there is no target 'hst'\n  remedy: did you mean 'host'?"
    ),
}


@pytest.mark.parametrize("text", INCOMPLETE)
def test_incomplete(here: Path, text: str) -> None:
    (here / "edgebuild.toml").write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        config.load(Path("edgebuild.toml"))
    assert str(caught.value) == INCOMPLETE[text]


FILES = {
    'model.path = "x.tflite"': ("edgebuild.toml:1: no such model: x.tflite\n  remedy: correct model.path or --model"),
    'model.path = "net.h5"\n[data]\ntraining = "t.npz"': (
        "edgebuild.toml:3: no such training data: t.npz\n  remedy: correct data.training or --training"
    ),
    'model.path = "net.h5"\nmodel.custom = "layers.py"': (
        "edgebuild.toml:2: no such file: layers.py\n  remedy: correct model.custom or --custom"
    ),
    'model.path = "net.h5"\n[data]\n': (
        "edgebuild.toml:2: int8 needs calibration data, and none are given for net.h5\n"
        "  remedy: set data.calibration in edgebuild.toml, or give --calibration"
    ),
}


@pytest.mark.parametrize("text", FILES)
def test_files(here: Path, text: str) -> None:
    (here / "net.h5").touch()
    (here / "edgebuild.toml").write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        config.check_files(config.load(Path("edgebuild.toml"), {"targets": ["host"]}))
    assert str(caught.value) == FILES[text]
