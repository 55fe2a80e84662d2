"""Every key of ``edgebuild.toml``, once.

From this table come the reader and its messages, the command's options, the JSON Schema
(``edgebuild schema``), ``docs/configuration.md`` and the file that ``edgebuild init`` writes.
"""

from __future__ import annotations

from edgebuild.config import model_keys
from edgebuild.config.key import Key
from edgebuild.config.kinds import Bytes, Choice, Count, File, Flag, Fraction
from edgebuild.config.lists import Plugins, Targets

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
    *model_keys.KEYS,
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
