"""The keys of ``edgebuild.toml`` that describe the model and how it is compressed; :mod:`schema` has the others."""

from __future__ import annotations

from edgebuild.config.key import Key
from edgebuild.config.kinds import Choice, Data, File, Flag, Function, Identifier, Script
from edgebuild.config.lists import Recipe

KEYS: tuple[Key, ...] = (
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
        ("compress", "each_step"),
        "each_step",
        Flag(),
        "Also convert what each step makes, so that the report shows the bytes and the device's figures behind each; "
        "a few seconds a step.",
        "false",
        default="true",
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
)
