"""Is this ONNX graph safe to hand to a runtime? Read from its bytes, without the onnx library.

A graph is a protocol-buffer message. What `learnt` writes into one is listed here, and all else
is refused: so there are no numbers in other files, no operators but known ones, none that repeat
(Loop, Scan) or hold graphs of their own (If), no functions, strings or training parts; and each
tensor is as long as it says. How much memory and time a graph takes, `session.py` bounds.
(Field numbers: onnx.proto3; wire format: protobuf.dev/programming-guides/encoding)
"""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from math import prod

from learnt.errors import ProgramError

DOMAINS = (b"", b"ai.onnx")
_NAMES = """
    Abs Acos Add And ArgMax Asin Atan AveragePool BatchNormalization BitwiseNot Cast Ceil Clip
    Concat Conv ConvInteger ConvTranspose Cos Cosh CumSum DequantizeLinear Div
    DynamicQuantizeLinear Elu Equal Erf Exp Expand Flatten Floor GRU Gather GatherElements Gemm
    Greater GreaterOrEqual HardSigmoid HardSwish Identity InstanceNormalization IsInf IsNaN LSTM
    LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul MatMulInteger Max
    MaxPool Min Mod Mul Neg NegativeLogLikelihoodLoss NonZero Not Or Pad Pow QLinearConv
    QLinearMatMul QuantizeLinear RNN Range Reciprocal ReduceMax ReduceMean ReduceMin ReduceProd
    ReduceSum Relu Reshape Resize Round ScatterElements Shape Sigmoid Sign Sin Sinh Size Slice
    Softmax SoftmaxCrossEntropyLoss Softplus Softsign Sqrt Squeeze Sub Tan Tanh TopK Transpose
    Unsqueeze Where Xor
"""
OPERATORS = frozenset(_NAMES.split())
# The fields of each message that a graph of ours can have.
MODEL = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14})  # versions, texts, 7 graph, 8 operators' version
OPSET = frozenset({1, 2})  # 1 domain
GRAPH = frozenset({1, 2, 5, 10, 11, 12, 13, 16})  # 1 nodes, 5 tensors, 11-13 types, texts
NODE = frozenset({1, 2, 3, 4, 5, 6, 7, 9})  # 1, 2 names, 4 operator, 5 attributes, 7 domain
ATTRIBUTE = frozenset({1, 2, 3, 4, 7, 8, 9, 13, 20})  # numbers and texts
TENSOR = frozenset({1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 14, 16})  # 1 sizes, 2 type, 9 bytes, 14 where
SIZES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8}  # by type
REASONS = {
    (MODEL, 20): "functions or training parts of its own",
    (MODEL, 25): "functions or training parts of its own",
    (GRAPH, 15): "sparse tensors",
    (ATTRIBUTE, 22): "sparse tensors",
    (ATTRIBUTE, 23): "sparse tensors",
    (ATTRIBUTE, 6): "graphs within its operators",
    (ATTRIBUTE, 11): "graphs within its operators",
    (ATTRIBUTE, 5): "tensors within its operators",
    (ATTRIBUTE, 10): "tensors within its operators",
    (TENSOR, 13): "numbers in another file",
}
MAX_NODES = 20_000
MAX_FIELDS = 500_000  # of a model and all that is within it
MAX_RANK = 8
MAX_ELEMENTS = 2**29  # of a tensor
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types

Field = tuple[int, memoryview | int]
Left = Iterator[int]  # how many fields may come yet


def check_graph(model: bytes) -> None:
    """Raise ProgramError unless the ONNX model is well formed, bounded and self-contained."""
    left, graphs = iter(range(MAX_FIELDS)), 0
    try:
        for number, value in _known(memoryview(model), MODEL, left):
            if number == 7:
                graphs += 1
                if graphs == 1:
                    _check_parts(_message(value), left)
            elif number == 8:
                for part, domain in _known(_message(value), OPSET, left):
                    if part == 1:
                        _check_domain(domain)
        if graphs != 1:
            raise ProgramError("its model must have one graph")
    except (IndexError, ValueError):
        raise ProgramError("its model.onnx is damaged") from None


def _check_parts(graph: memoryview, left: Left) -> None:
    nodes = 0
    for number, value in _known(graph, GRAPH, left):
        if number == 1:
            nodes += 1
            if nodes > MAX_NODES:
                raise ProgramError(f"its graph has more than {MAX_NODES} operators")
            _check_node(_message(value), left)
        elif number == 5:
            _check_tensor(_message(value), left)


def _check_node(node: memoryview, left: Left) -> None:
    for number, value in _known(node, NODE, left):
        if number == 4:
            operator = bytes(_message(value)).decode()
            if operator not in OPERATORS:
                raise ProgramError(f"its graph uses the operator {operator[:40]!a}: not known")
        elif number == 7:
            _check_domain(value)
        elif number == 5:
            for _ in _known(_message(value), ATTRIBUTE, left):
                pass


def _check_domain(value: memoryview | int) -> None:
    if bytes(_message(value)) not in DOMAINS:
        raise ProgramError("its graph uses operators outside the ONNX standard")


def _check_tensor(tensor: memoryview, left: Left) -> None:
    """Its sizes, its type and its numbers fit each other."""
    found = list(_known(tensor, TENSOR, left))
    if any(value != 0 for number, value in found if number == 14):
        raise ProgramError("its graph has numbers in another file")
    kinds = [value for number, value in found if number == 2 and isinstance(value, int)]
    count = elements(found)
    if len(kinds) != 1 or kinds[0] not in SIZES:
        raise ProgramError("its graph has a tensor of a type that is not known")
    raw = [len(_message(value)) for number, value in found if number == 9]
    listed = sum(
        len(value) if isinstance(value, memoryview) else 1
        for number, value in found
        if number in (4, 5, 7, 10, 11)
    )
    whole = raw == [count * SIZES[kinds[0]]] and not listed if raw else count <= listed
    if not whole:
        raise ProgramError("its graph has a tensor that is not as long as it says")


def elements(tensor: Iterable[Field]) -> int:
    """How many numbers a tensor says it has, by its fields; ProgramError for too many."""
    listed = chain.from_iterable(_numbers(value) for number, value in tensor if number == 1)
    sizes = list(islice(listed, MAX_RANK + 1))
    # The sizes are bounded before they are multiplied.
    if len(sizes) > MAX_RANK or max(sizes, default=0) > MAX_ELEMENTS or prod(sizes) > MAX_ELEMENTS:
        raise ProgramError("its graph has a tensor that is too large")
    return prod(sizes)


def _known(message: memoryview, allowed: frozenset[int], left: Left) -> Iterator[Field]:
    """The fields of a message; ProgramError for one that no graph of ours has, or too many."""
    for number, value in fields(message):
        if next(left, None) is None:
            raise ProgramError(f"its graph has more than {MAX_FIELDS:,} parts")
        if number not in allowed:
            raise ProgramError(f"its graph has {REASONS.get((allowed, number), 'unknown parts')}")
        yield number, value


def _numbers(value: memoryview | int) -> Iterator[int]:
    """A number, or those of a packed list."""
    if isinstance(value, int):
        yield value
        return
    at = 0
    while at < len(value):
        number, at = _varint(value, at)
        yield number


def fields(message: memoryview) -> Iterator[Field]:
    """(field number, value) of each field of a message; ValueError where it is malformed."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        if not 8 <= key < 2**32:  # a runtime that cuts it to 32 bits would see another field
            raise ValueError("no field has this number")
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            whole, at = _varint(message, at)
            yield number, whole
            continue
        if wire == BYTES:
            size, at = _varint(message, at)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
        else:
            raise ValueError("unknown wire type")
        if at + size > end:
            raise ValueError("field beyond the end")
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = message[at]
        at += 1
        result |= (byte & 0x7F) << shift
        shift += 7
        if shift > 70 or result >= 2**64:
            raise ValueError("number too long")
        if byte < 0x80:
            return result, at


def _message(value: memoryview | int) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a message was expected")
    return value
