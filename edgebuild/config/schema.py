"""Every key of ``edgebuild.toml``, once.

From this table come the reader and its messages, the command's options, the JSON Schema
(``edgebuild schema``), ``docs/configuration.md`` and the file that ``edgebuild init`` writes.
"""

from __future__ import annotations

from edgebuild.config.key import Key
from edgebuild.config.kinds import Bytes, Choice, Count, Data, File, Flag, Fraction, Function, Identifier, Script
from edgebuild.config.lists import Plugins, Recipe, Targets

FILE_NAME = "edgebuild.toml"

SECTIONS = {
    "": "What is built, and for what.",
    "model": "The trained model.",
    "data": (
        "Samples: an .npz file (arrays x and, for labels, y), a folder with x.npy and y.npy, or "
        "file.py:function that returns x or (x, y), or a tf.data.Dataset of them. A .tflite model needs none."
    ),
    "compress": "How the model is made smaller before it is converted.",
    "proof": "How much runs on the emulated core.",
    "budget": "The most flash and RAM that the model may take; more is exit code 3.",
    "gates": "Conditions on the accuracy measured on the emulated core; a failed one is exit code 6.",
}

KEYS: tuple[Key, ...] = (
    Key(
        ("targets",),
        "targets",
        Targets(),
        "Targets to build for: names that `edgebuild targets` lists, or paths of your own profiles.",
        '["cortex-m4"]',
        default="none; then --target must say it",
        option="--target",
    ),
    Key(
        ("output",),
        "output",
        File(),
        "Folder for the results; each target gets a folder of its own in it.",
        '"build"',
        default="build",
        option="--output",
    ),
    Key(
        ("packages",),
        "packages",
        Plugins("edgebuild.packagers", "package format"),
        "Package formats to write.",
        '["c_array", "c_library"]',
        default="the target's",
        per_target=True,
    ),
    Key(
        ("engine",),
        "engine",
        Choice(("c", "litert")),
        "What runs the model: C generated for it, or the TFLite runtime, which Linux boards but the oldest have.",
        '"c"',
        default="the target's",
        per_target=True,
    ),
    Key(
        ("seed",),
        "seed",
        Count(0, 2**31 - 1),
        "Seed of everything random in training and conversion.",
        "1",
    ),
    Key(
        ("optimize",),
        "optimize",
        Choice(("balanced", "speed", "size", "fastest")),
        "Which kernels are chosen: speed takes those with the fewest instructions, fastest also such as store weights "
        "larger than they are, balanced the faster kernel of an operator where it saves 2 % of all instructions at "
        "least, size the smallest code, and a faster kernel where halving the instructions takes less than about "
        "1.8 KiB of flash; with balanced memory, size streams only if RAM is too small. For pruned weights and those "
        "of 16 levels size and balanced also weigh the flash that kernels for them save.",
        '"balanced"',
        per_target=True,
    ),
    Key(
        ("compact_weights",),
        "compact_weights",
        Flag(),
        "false keeps every weight in flash as it is: no kernel skips zeros or takes weights of four bits.",
        "false",
        per_target=True,
    ),
    Key(
        ("memory",),
        "memory",
        Choice(("balanced", "least", "fastest")),
        "How far RAM is saved: least by every way (moves, streams of rows), fastest by none that costs instructions, "
        "balanced by those that save much and cost little.",
        '"balanced"',
        per_target=True,
    ),
    Key(
        ("skip_passes",),
        "skip_passes",
        Plugins("edgebuild.passes", "pass"),
        "Rewrites of the graph to leave out, to see what they save; `passes` of report.json says it as well.",
        '["drop_channels"]',
        default="none",
        per_target=True,
    ),
    Key(
        ("model", "path"),
        "model",
        File(),
        "The model: .keras, .h5, a SavedModel folder, or .tflite.",
        '"model.keras"',
        default="none; then --model must say it",
        option="--model",
    ),
    Key(
        ("model", "name"),
        "name",
        Identifier(),
        "Prefix of every generated C symbol and file.",
        '"keyword"',
        default="the model's file name",
    ),
    Key(
        ("model", "io"),
        "io",
        Choice(("int8", "float32")),
        "Element type of the model's inputs and outputs.",
        '"int8"',
        default="the target's",
        per_target=True,
    ),
    Key(
        ("model", "input"),
        "input",
        Choice(("whole", "pushed")),
        "pushed: your code hands over the input row by row and it never lies in RAM as a whole (Cortex-M and host).",
        '"whole"',
        per_target=True,
    ),
    Key(
        ("model", "final_softmax"),
        "final_softmax",
        Flag(),
        "false cuts a SOFTMAX at the end of the model; the largest output stays the largest.",
        "false",
        per_target=True,
    ),
    Key(
        ("model", "labels"),
        "labels",
        File(),
        "Names of the classes: a text file with one line for each element of the first output. Packages that "
        "have a place for them carry them.",
        '"labels.txt"',
        default="none",
    ),
    Key(
        ("model", "custom"),
        "custom",
        Script(),
        "A Python file of yours with the layer classes and functions that the model names and Keras does not have. It "
        "runs where the model is loaded, as a data function does.",
        '"layers.py"',
        default="none; the model may name Keras's own alone",
        option="--custom",
    ),
    Key(
        ("data", "calibration"),
        "calibration",
        Data(),
        "Representative inputs from which the int8 ranges are taken; a few hundred are enough.",
        '"data.py:calibration"',
        default="none",
        option="--calibration",
    ),
    Key(
        ("data", "evaluation"),
        "evaluation",
        Data(),
        "Labelled samples that measure accuracy; never used for a choice.",
        '"data.py:evaluation"',
        default="none; accuracy is not measured",
        option="--evaluation",
    ),
    Key(
        ("data", "training"),
        "training",
        Data(),
        "Labelled samples for the fine-tuning of compression steps.",
        '"data.py:training"',
        default="none; steps do not fine-tune",
        option="--training",
    ),
    Key(
        ("data", "validation"),
        "validation",
        Data(),
        "Labelled samples that the model was not trained with, by which `auto` chooses.",
        '"data.py:validation"',
        default="none; auto keeps some of the training data aside, which the model has probably seen",
        option="--validation",
    ),
    Key(
        ("compress", "steps"),
        "steps",
        Recipe(),
        "Steps in order, each a technique with its settings. A quantize step comes last and names the "
        'precision, alone or as `precision` beside settings; int8 without one. "auto" instead of the list lets '
        "edgebuild choose the steps by gates and budget.",
        '[{ prune = { sparsity = 0.5, epochs = 1 } }, { quantize = "int8" }]',
        default="none",
        per_target=True,
    ),
    Key(
        ("compress", "loss"),
        "loss",
        Function(),
        "Loss of the steps' fine-tuning: a function of a batch's labels and outputs, in TensorFlow, that gives one "
        "number or one a sample.",
        '"losses.py:focal"',
        default="cross-entropy for class labels, else the mean squared error",
    ),
    Key(
        ("compress", "metric"),
        "metric",
        Function(),
        "What fine-tuning tells beside its loss: a function as for loss.",
        '"losses.py:top_two"',
        default="accuracy for class labels",
    ),
    Key(
        ("proof", "vectors"),
        "vectors",
        Count(1, 1000),
        "How many random inputs are compared byte by byte with TFLite.",
        "4",
        per_target=True,
    ),
    Key(
        ("proof", "evaluation_samples"),
        "evaluation_samples",
        Count(1, 1_000_000),
        "How many samples of the evaluation data run on the emulated core.",
        "500",
        per_target=True,
    ),
    Key(
        ("proof", "timeout"),
        "timeout",
        Count(1, 86_400),
        "Seconds after which the emulator is taken to hang.",
        "600",
        default="two minutes and what the model's size suggests",
        per_target=True,
    ),
    Key(
        ("budget", "flash"),
        "budget.flash",
        Bytes(),
        "Flash for weights and code.",
        '"256K"',
        default="the target's flash",
        per_target=True,
    ),
    Key(
        ("budget", "ram"),
        "budget.ram",
        Bytes(),
        "RAM for arena, inputs and outputs, static data and stack.",
        '"64K"',
        default="the target's RAM",
        per_target=True,
    ),
    Key(
        ("gates", "accuracy"),
        "gates.accuracy",
        Fraction(),
        "Least accuracy.",
        "0.9",
        default="none",
        per_target=True,
    ),
    Key(
        ("gates", "accuracy_drop"),
        "gates.accuracy_drop",
        Fraction(),
        "Most accuracy lost from the float model to the device.",
        "0.01",
        default="none",
        per_target=True,
    ),
    Key(
        ("gates", "agreement"),
        "gates.agreement",
        Fraction(),
        "Least share of samples for which the TFLite runtime of a board finds the same class as TFLite's reference "
        "kernels; without evaluation data, of the random inputs.",
        "0.95",
        default="0.9 with labelled evaluation data, else none",
        per_target=True,
    ),
)

BY_PATH = {key.path: key for key in KEYS}
