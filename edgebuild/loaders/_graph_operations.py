"""Which TensorFlow operations a SavedModel may hold: those that compute, and those that restore its variables.

None of ``COMPUTING`` touches files, the network, Python or the process.  A name that is missing here is refused.
"""

from __future__ import annotations

COMPUTING = frozenset(
    """
    Abs Add AddN AddV2 All Any ArgMax ArgMin AssignAddVariableOp AssignSubVariableOp AssignVariableOp Atan Atan2
    AvgPool AvgPool3D BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchToSpaceND BiasAdd BiasAddV1 Bitcast BroadcastArgs
    BroadcastTo Case Cast Ceil ClipByValue Complex ComplexAbs Concat ConcatV2 Const Conv2D Conv2DBackpropInput
    Conv3D Conv3DBackpropInputV2 Cos Cosh CropAndResize Cumprod Cumsum DepthToSpace DepthwiseConv2dNative
    DisableCopyOnRead Div DivNoNan DynamicPartition DynamicStitch Einsum Elu EmptyTensorList EnsureShape Equal Erf
    Erfc Exp ExpandDims Expm1 ExtractImagePatches FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars
    FakeQuantWithMinMaxVarsPerChannel Fill Floor FloorDiv FloorMod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3
    Gather GatherNd GatherV2 Greater GreaterEqual Identity IdentityN If IFFT IRFFT Imag Inv Invert IsFinite IsInf
    IsNan L2Loss LRN LeakyRelu Less LessEqual LinSpace Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr LowerBound
    MatMul MatrixBandPart MatrixDiag MatrixDiagV3 MatrixSetDiagV3 Max MaxPool MaxPool3D MaxPoolV2 Maximum Mean
    Merge Min Minimum MirrorPad Mod Mul MulNoNan Neg Next NextIteration NoOp NonMaxSuppressionV3 NonMaxSuppressionV4
    NonMaxSuppressionV5 NotEqual OneHot OnesLike Pack Pad PadV2 ParallelConcat PartitionedCall Placeholder
    PlaceholderWithDefault Pow PreventGradient Prod QuantizeAndDequantizeV2 QuantizeAndDequantizeV3
    QuantizeAndDequantizeV4 RFFT RFFT2D Range Rank ReadVariableOp Real RealDiv Reciprocal Relu Relu6 Reshape
    ResizeBicubic ResizeBilinear ResizeNearestNeighbor ResourceGather ReverseSequence ReverseV2 Rint Roll Round Rsqrt
    ScatterNd SegmentSum Select SelectV2 Selu Shape ShapeN Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign
    SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square SquaredDifference Squeeze StatefulPartitionedCall StatelessCase
    StatelessIf StatelessRandomUniformV2 StatelessWhile StopGradient StridedSlice Sub Sum Switch Tan Tanh
    TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather TensorListGetItem TensorListLength
    TensorListPopBack TensorListPushBack TensorListReserve TensorListResize TensorListSetItem TensorListStack
    TensorScatterUpdate Tile TopK TopKV2 Transpose TruncateDiv TruncateMod Unpack UnsortedSegmentSum VarHandleOp
    VarIsInitializedOp VariableShape Where While Xdivy Xlogy ZerosLike
    """.split()
)

_NAMING = frozenset(("ShardedFilename", "StaticRegexFullMatch", "StringJoin"))

RESTORING = _NAMING | {"RestoreV2"}
"""Only in TensorFlow's own ``traced_restore`` function."""

SAVING = _NAMING | {"MergeV2Checkpoints", "SaveV2"}
"""Only in TensorFlow's own ``traced_save`` function, which nothing calls while a model is converted."""
