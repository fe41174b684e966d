"""Is this ONNX graph safe to hand to a runtime? Read from its bytes, without the onnx library.

A graph is a protocol-buffer message. We walk the few fields that matter and refuse: tensors
kept in other files, operators outside the standard domain, local functions, training parts,
and graphs too large or too deep to be one of ours.
(Field numbers: onnx.proto3; wire format: protobuf.dev/programming-guides/encoding)
"""

from collections.abc import Iterator

from learnt.errors import ProgramError

DOMAINS = (b"", b"ai.onnx")
MAX_NODES = 20_000
MAX_DEPTH = 4
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types

Field = tuple[int, memoryview | int]


def check_graph(model: bytes) -> None:
    """Raise ProgramError unless the ONNX model is well formed, bounded and self-contained."""
    try:
        opsets, graphs = [], []
        for number, value in fields(memoryview(model)):
            if number == 7:
                graphs.append(value)
            elif number == 8:
                opsets.append(value)
            elif number in (20, 25):
                raise ProgramError("its graph has functions or training parts of its own")
        if len(graphs) != 1:
            raise ProgramError("its model must have one graph")
        for opset in opsets:
            for number, value in fields(_message(opset)):
                if number == 1 and bytes(_message(value)) not in DOMAINS:
                    raise ProgramError("its graph uses operators outside the ONNX standard")
        _check_body(_message(graphs[0]), [0], 0)
    except (IndexError, ValueError):
        raise ProgramError("its model.onnx is damaged") from None


def _check_body(graph: memoryview, count: list[int], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ProgramError(f"its graph is nested more than {MAX_DEPTH} deep")
    for number, value in fields(graph):
        if number == 1:
            count[0] += 1
            if count[0] > MAX_NODES:
                raise ProgramError(f"its graph has more than {MAX_NODES} operators")
            _check_node(_message(value), count, depth)
        elif number == 5:
            _check_tensor(_message(value))
        elif number == 15:
            raise ProgramError("its graph has sparse tensors")


def _check_node(node: memoryview, count: list[int], depth: int) -> None:
    for number, value in fields(node):
        if number == 7 and bytes(_message(value)) not in DOMAINS:
            raise ProgramError("its graph uses operators outside the ONNX standard")
        if number == 5:
            for kind, part in fields(_message(value)):
                if kind in (5, 10):
                    _check_tensor(_message(part))
                elif kind in (6, 11):
                    _check_body(_message(part), count, depth + 1)
                elif kind in (22, 23):
                    raise ProgramError("its graph has sparse tensors")


def _check_tensor(tensor: memoryview) -> None:
    for number, value in fields(tensor):
        if number == 13 or (number == 14 and value != 0):
            raise ProgramError("its graph keeps numbers in another file")


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
