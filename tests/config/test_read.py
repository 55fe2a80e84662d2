"""What a file and the options become."""

from pathlib import Path

import pytest

from edgebuild import config
from edgebuild.config import Budget, DataSource, Gates, Step
from edgebuild.errors import UsageError

FULL = """
targets = ["cortex-m4", "boards/mine.toml"]
output = "out"
seed = 7
[model]
path = "models/net.keras"
name = "net"
io = "float32"
final_softmax = false
[data]
calibration = "data.py:calibration"
evaluation = "eval.npz"
training = "train/"
[compress]
steps = [{ prune = { sparsity = 0.75 } }, { quantize = "int8" }]
[proof]
vectors = 2
evaluation_samples = 100
[budget]
flash = "256K"
ram = 65536
[gates]
accuracy = 0.9
accuracy_drop = 0.01
[target.mine]
[target.mine.model]
io = "int8"
[target.mine.budget]
flash = "1M"
[target.mine.gates]
accuracy = 1
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "edgebuild.toml"
    file.write_text(text, "utf-8")
    return file


def test_everything(here: Path) -> None:
    build = config.load(written(here, FULL))
    assert build.model == here / "models/net.keras"
    assert build.name == "net"
    assert build.targets == ("cortex-m4", str(here / "boards/mine.toml"))
    assert build.output == here / "out"
    assert build.seed == 7
    assert build.io == "float32"
    assert build.final_softmax is False
    assert build.calibration == DataSource("python", here / "data.py", "calibration")
    assert build.evaluation == DataSource("npz", here / "eval.npz")
    assert build.training == DataSource("npy", here / "train")
    assert build.steps == (Step("prune", {"sparsity": 0.75}),)
    assert build.precision == "int8"
    assert (build.vectors, build.evaluation_samples) == (2, 100)
    assert build.budget == Budget(256 * 1024, 65536)
    assert build.gates == Gates(0.9, 0.01)
    assert build.file == here / "edgebuild.toml"


def test_a_target_lays_its_own_values_over_the_general_ones(here: Path) -> None:
    build = config.load(written(here, FULL))
    general = build.for_target("cortex-m4")
    assert general.targets == ("cortex-m4",)
    assert (general.io, general.budget) == ("float32", Budget(256 * 1024, 65536))
    own = build.for_target(str(here / "boards/mine.toml"))
    assert own.io == "int8"
    assert own.budget == Budget(1024**2, 65536)
    assert own.gates == Gates(1.0, 0.01)
    assert own.overrides == {}


def test_options_alone_are_enough(here: Path) -> None:
    build = config.load(None, {"model.path": "my net-2.tflite", "targets": ["cortex-m4"]})
    assert build.model == here / "my net-2.tflite"
    assert build.name == "my_net_2"
    assert build.output == here / "build"
    assert build.file is None


def test_options_win_and_start_at_the_current_folder(here: Path) -> None:
    project = here / "project"
    project.mkdir()
    file = written(project, 'targets = ["cortex-m4"]\nmodel.path = "net.tflite"\n[budget]\nram = 1000\n')
    build = config.load(file, {"model.path": "other.tflite", "targets": ["cortex-m7"], "output": "there"})
    assert build.model == here / "other.tflite"
    assert build.targets == ("cortex-m7",)
    assert build.output == here / "there"
    assert build.budget.ram == 1000
    assert config.load(file).output == project / "build"


def test_find_looks_here_and_not_above(here: Path) -> None:
    written(here, "")
    inner = here / "inner"
    inner.mkdir()
    assert config.find(here) == here / "edgebuild.toml"
    assert config.find(inner) is None


@pytest.mark.parametrize(
    ("written_size", "size"),
    [("65536", 65536), ('"1"', 1), ('"2K"', 2048), ('"2KB"', 2048), ('"2 KiB"', 2048), ('"1M"', 1024**2)],
)
def test_sizes(here: Path, written_size: str, size: int) -> None:
    file = written(here, f"[budget]\nflash = {written_size}")
    assert config.read(file).values == {"budget.flash": size}


@pytest.mark.parametrize(
    ("stem", "name"),
    [("net", "net"), ("2nd", "model_2nd"), ("int", "model_int"), ("ä", "model"), ("a.b c", "a_b_c"), ("_x_", "x")],
)
def test_names_that_are_made_from_file_names(here: Path, stem: str, name: str) -> None:
    assert config.load(None, {"model.path": f"{stem}.tflite", "targets": ["host"]}).name == name


def test_a_dotted_folder_is_a_folder(here: Path) -> None:
    (here / "data.v2").mkdir()
    file = written(here, '[data]\ntraining = "data.v2"')
    assert config.read(file).values["training"] == DataSource("npy", here / "data.v2")


def test_place_of_a_value(here: Path) -> None:
    file = written(here, FULL)
    assert config.place(file, ("compress", "steps", 0, "prune", "sparsity")) == "edgebuild.toml:15"
    assert config.place(file, ("compress", "steps", 0, "prune", "missing")) == "edgebuild.toml:15"
    assert config.place(file, ("nothing",)) == "edgebuild.toml"
    assert config.place(None, ("model", "path")) == "command line"


def test_files_are_checked(here: Path) -> None:
    (here / "net.tflite").touch()
    config.check_files(config.load(None, {"model.path": "net.tflite", "targets": ["host"]}))
    (here / "net.h5").touch()
    with pytest.raises(UsageError, match="needs calibration data"):
        config.check_files(config.load(None, {"model.path": "net.h5", "targets": ["host"]}))


@pytest.mark.parametrize(
    ("written_as", "precision", "settings"),
    [
        ('"int16x8"', "int16x8", {}),
        ('{ ranges = "mse" }', "int8", {"ranges": "mse"}),
        ('{ precision = "int8_qat", epochs = 3 }', "int8_qat", {"epochs": 3}),
    ],
)
def test_a_precision_alone_or_with_settings(
    here: Path, written_as: str, precision: str, settings: dict[str, object]
) -> None:
    build = config.read(written(here, f"[compress]\nsteps = [{{ quantize = {written_as} }}]"))
    found = build.values
    assert (found["precision"], found["quantization"], found["steps"]) == (precision, settings, ())
