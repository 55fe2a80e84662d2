"""Which classes a model's config may name: Keras's own that compute, and nothing that runs code or reads files.

Left out on purpose: ``Lambda`` (marshalled bytecode, or the name of any function of any module), ``TFOpLambda``
and its kin (any TensorFlow symbol by name), ``TFSMLayer`` and the wrappers of other frameworks' modules, and the
lookup and text layers (they read files).  A name that is missing here is refused, so a new Keras cannot open a hole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from edgebuild.errors import UsageError
from edgebuild.loaders import Layer
from edgebuild.loaders._custom import NO_NAMES, Own

MODELS = frozenset(("Functional", "Model", "Sequential"))

_LAYERS = """
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention
    Average AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization BatchNormalizationV1
    BatchNormalizationV2 Bidirectional CategoryEncoding CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D
    Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D Cropping2D Cropping3D Dense
    DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU EinsumDense Embedding Flatten GRU GRUCell GRUV2
    GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention Identity
    InputLayer LSTM LSTMCell LSTMV2 LayerNormalization LeakyReLU LocallyConnected1D LocallyConnected2D Masking
    MaxPooling1D MaxPooling2D MaxPooling3D Maximum MelSpectrogram Minimum MultiHeadAttention Multiply
    Normalization PReLU Permute RMSNormalization RNN RandomBrightness RandomContrast RandomCrop RandomFlip
    RandomHeight RandomRotation RandomTranslation RandomWidth RandomZoom ReLU RepeatVector Rescaling Reshape
    Resizing STFTSpectrogram SeparableConv1D SeparableConv2D SimpleRNN SimpleRNNCell Softmax SpatialDropout1D
    SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells Subtract ThresholdedReLU
    TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D
    ZeroPadding3D
"""

_PARTS = """
    DTypePolicy Policy
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform
    Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform STFT STFTInitializer TruncatedNormal
    VarianceScaling Zeros
    L1 L1L2 L2 OrthogonalRegularizer
    MaxNorm MinMaxNorm NonNeg RadialConstraint UnitNorm
    __keras_tensor__ __tuple__ __ellipsis__ __slice__ TensorShape
"""

LAYERS = frozenset(_LAYERS.split())
PARTS = frozenset(_PARTS.split())

OPERATIONS = frozenset(("Absolute", "Divide", "Negative", "Power", "Sqrt", "Square", "TrueDivide"))
"""Arithmetic on tensors that Keras 3 writes as nodes (``x * 0.5 + y``), besides the like-named layers."""

ACTIVATIONS = frozenset(
    """celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear
    log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign
    sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold""".split()
)

_MODULES = re.compile(r"(keras|tf_keras)(\.\w+)*")
_NOT_LOADED = frozenset(("compile_config", "build_config"))
_NESTED_TOO_DEEP = 64


def check(config: Any, place: str, own: Own = NO_NAMES, *, allow_unsafe: bool) -> tuple[Layer, ...]:
    """The layers that the model ``config`` names, every class of it vetted.

    Args:
        config: the parsed JSON; anything at all, since it comes from a stranger.
        place: the file, for messages.
        own: what the user has declared, which the model may name as well.

    Raises:
        UsageError: it is no model, or names a class that is not allowed.
    """
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict | list):
        raise UsageError(place, "its config does not describe a Keras model", "save the model again")
    name = str(config.get("class_name"))
    if name not in MODELS and not allow_unsafe:
        raise UsageError(
            place,
            f"the model is of the class {name!r}, whose code is not in the file",
            "build it with keras.Sequential or the functional API, or save it as a SavedModel",
        )
    nodes = list(_named(config, "", 0, place))
    if not allow_unsafe:
        for node, layer in nodes:
            _vet(node, layer, place, own)
    return tuple(
        Layer(layer, str(node["class_name"]))
        for node, layer in nodes
        if node["class_name"] not in PARTS | MODELS and isinstance(node.get("config"), dict) and _is_layer(node)
    )


def _is_layer(node: dict[str, Any]) -> bool:
    return "inbound_nodes" in node or "name" in node["config"]


def _named(node: Any, layer: str, depth: int, place: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Every serialized object below ``node``, with the name of the layer that it is, or is part of."""
    if depth > _NESTED_TOO_DEEP:
        raise UsageError(place, f"its config is nested more than {_NESTED_TOO_DEEP} deep", "save the model again")
    if isinstance(node, list):
        for value in node:
            yield from _named(value, layer, depth + 1, place)
    elif isinstance(node, dict):
        if "class_name" in node:
            if not isinstance(node["class_name"], str):
                raise UsageError(
                    place, "its config names a class by something other than a word", "save the model again"
                )
            inner = node.get("config")
            own = inner.get("name") if isinstance(inner, dict) else None
            if isinstance(own, str) and node["class_name"] not in PARTS:
                layer = own
            yield node, layer
        for key, value in node.items():
            if key not in _NOT_LOADED:
                yield from _named(value, layer, depth + 1, place)


def _vet(node: dict[str, Any], layer: str, place: str, own: Own) -> None:
    name, module = node["class_name"], node.get("module")
    where = f"{place}, layer {layer!r}" if layer else place
    if name == "function":
        function = node.get("config")
        if isinstance(function, str) and function in own.functions:
            return
        if module in ("builtins", None) and isinstance(function, str) and function in ACTIVATIONS:
            return
        raise _refusal(where, f"calls the function {function!r} of module {module!r}", own)
    if name == "Lambda" or name == "__lambda__":
        raise _refusal(where, "is a Lambda, which is Python code inside the model file")
    if _is_own(node, own):
        if node.get("compile_config"):  # of Keras's own models inside a model it is dropped, of others it is not
            raise UsageError(
                where,
                f"is of the class {name!r} and brings a compile_config, by which Keras would load any class",
                "save the model again without compiling that part of it",
            )
        _vet_activations(node, where, own)
        return
    if name in own.elsewhere:
        other = "keras" if own.keras == "tf_keras" else "tf_keras"
        raise UsageError(
            where,
            f"is of the class {name!r}, which {own.file} derives from {other}.layers.Layer, but the file is for "
            f"{own.keras}",
            f"derive it from {own.keras}.layers.Layer",
        )
    if module is not None and not (isinstance(module, str) and _MODULES.fullmatch(module)):
        raise _refusal(where, f"is of the class {name!r} from the module {module!r}, which is not Keras", own)
    if name not in LAYERS | PARTS | MODELS | OPERATIONS:
        raise _foreign(where, f"is of the class {name!r}, which is not Keras's own, or does more than compute", own)
    registered = node.get("registered_name")
    if registered not in (None, name):
        raise _foreign(where, f"is of the registered class {registered!r}, whose code is not in the file", own)
    _vet_activations(node, where, own)


def _is_own(node: dict[str, Any], own: Own) -> bool:
    """Whether Keras will find the user's class for ``node``, and look nowhere else.

    It looks for the registered name where there is one, and imports the module if that is not found.
    """
    name = node["class_name"]
    return name in own.classes and node.get("registered_name", name) in own.classes


def _vet_activations(node: dict[str, Any], where: str, own: Own) -> None:
    for key, value in node["config"].items() if isinstance(node.get("config"), dict) else ():
        if key.endswith("activation") and isinstance(value, str) and value not in ACTIVATIONS | own.functions:
            raise _refusal(where, f"has the activation {value!r}, which is not one of Keras's own", own)


_UNSAFE = "replace it by Keras's own layers; --allow-unsafe-model loads it all the same, and runs what it contains"
_FOREIGN = "replace it by Keras's own layers, or export the model as a SavedModel, whose graph needs no such class"


def _refusal(where: str, rule: str, own: Own | None = None) -> UsageError:
    """Of what can run any code; with ``own`` where declaring it would help."""
    return UsageError(where, rule, _UNSAFE if own is None else f"{_declare(own)}, or {_UNSAFE}")


def _foreign(where: str, rule: str, own: Own) -> UsageError:
    return UsageError(where, rule, f"{_declare(own)}, {_FOREIGN}")


def _declare(own: Own) -> str:
    if not own.file:
        return "if it is yours, name the Python file that defines it as model.custom"
    return f"if it is yours, define it in {own.file} for {own.keras}, or name it in CUSTOM_OBJECTS there"
