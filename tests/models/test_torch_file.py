"""Reading PyTorch's files as data: the real one rightly, and anything else not at all."""

import io
import os
import pickle
import random
import struct
from collections import OrderedDict

import numpy as np
import pytest
import torch as reference  # noqa: TID251

from learnt.errors import DataError
from learnt.models import bodies
from learnt.models.torch_file import MAGIC, read_state_dict

OPENING = b"".join(pickle.dumps(x, 2) for x in (MAGIC, 1001, {"little_endian": True}))
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"


def number(n: int) -> bytes:
    return pickle.LONG1 + bytes([9]) + n.to_bytes(9, "little", signed=True)


def tensor(size: int, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """The pickle of {"w": tensor}, whatever its figures say."""
    sizes, steps = (b"(" + b"".join(map(number, t)) + b"t" for t in (shape, stride))
    part = TENSOR + b"(" + STORAGE + number(size) + b"NtQ" + number(offset) + sizes + steps
    return b"\x80\x02}X\x01\x00\x00\x00w" + part + b"\x89}tRs."


def file(
    state: bytes, numbers: int = 4, claimed: int | None = None, keys: object = ("0",)
) -> bytes:
    """A file around a pickle, with one storage."""
    raw = struct.pack("<q", numbers if claimed is None else claimed)
    raw += np.arange(numbers, dtype="<f4").tobytes()
    return OPENING + state + pickle.dumps(list(keys), 2) + raw


def saved(state: object) -> bytes:
    buffer = io.BytesIO()
    reference.save(state, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


SMALL = saved(
    OrderedDict(a=reference.arange(6.0).reshape(2, 3).T, b=reference.tensor(7), c=reference.ones(0))
)


def refused(data: bytes) -> None:
    with pytest.raises(DataError, match="not a PyTorch state dict of plain tensors"):
        read_state_dict(data)


def test_the_real_file_is_read_as_torch_load_reads_it():
    path = bodies.body("efficientnet-lite0").path()
    expected = reference.load(path, weights_only=True)
    got = read_state_dict(path.read_bytes())
    assert list(got) == list(expected)
    assert len(got) == 296
    for name, array in got.items():
        assert str(array.dtype) == str(expected[name].dtype).removeprefix("torch.")
        assert array.shape == tuple(expected[name].shape)
        assert array.tobytes() == expected[name].numpy().tobytes()


def test_views_whole_numbers_and_empty_tensors_are_read():
    got = read_state_dict(SMALL)
    assert got["a"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert got["b"].tolist() == 7
    assert got["c"].shape == (0,)
    assert read_state_dict(file(tensor(4, 1, (3,), (1,))))["w"].tolist() == [1, 2, 3]


def test_what_was_read_is_the_readers_own_and_can_be_changed():
    shared = reference.ones(3)
    got = read_state_dict(saved(OrderedDict(a=shared, b=shared)))
    got["a"] += 1
    assert got["b"].tolist() == [1, 1, 1]


class Call:
    """Pickles as a call of any function."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize(
    "function", [os.system, eval, exec, open, getattr, __import__], ids=lambda f: f.__name__
)
def test_a_file_that_names_any_function_is_refused_and_the_function_not_called(
    tmp_path, function, place
):
    proof = tmp_path / "executed"
    arguments = {os.system: f"touch {proof}", open: (str(proof), "w")}
    given = arguments.get(function, f"open({str(proof)!r}, 'w')")
    attack = Call(function, *(given if isinstance(given, tuple) else (given,)))
    parts = [MAGIC, 1001, {}, OrderedDict(), []]
    parts[place] = {"w": attack} if place in (2, 3) else attack
    refused(b"".join(pickle.dumps(part, 2) for part in parts))
    assert not proof.exists()


@pytest.mark.parametrize(
    "name",
    [
        "os system", "builtins eval", "builtins getattr", "torch load", "torch.hub load",
        "torch.storage _load_from_bytes", "torch._utils _rebuild_parameter", "torch HalfStorage",
        "torch._utils _rebuild_tensor", "collections OrderedDict.fromkeys", "collections Counter",
        "numpy.core.multiarray _reconstruct", "numpy dtype", "numpy ndarray",
        "learnt.models.torch_file _Part", "_io FileIO",
    ],
)  # fmt: skip
def test_only_what_a_state_dict_needs_can_be_named(name):
    module, attribute = name.split()
    refused(file(b"\x80\x02c" + f"{module}\n{attribute}\n".encode() + b")R."))
    refused(file(b"\x80\x04\x8c" + bytes([len(module)]) + module.encode() + b"\x8c"
                 + bytes([len(attribute)]) + attribute.encode() + b"\x93)R."))  # fmt: skip


def test_new_kinds_of_tensors_are_refused():
    for state in (
        {"half": reference.ones(2, dtype=reference.float16)},
        {"module": reference.nn.Linear(1, 1)},
        {"parameter": reference.nn.Parameter(reference.ones(1))},
        {"number": 1.5},
        [reference.ones(1)],
        {1: reference.ones(1)},
        {"nested": {"deeper": reference.ones(1)}},
    ):
        refused(saved(state))
    buffer = io.BytesIO()
    reference.save({"zip": reference.ones(1)}, buffer)
    refused(buffer.getvalue())


@pytest.mark.parametrize(
    ("size", "offset", "shape", "stride"),
    [
        (4, 0, (5,), (1,)),
        (4, 1, (4,), (1,)),
        (4, 0, (2, 2), (3, 1)),
        (4, 2**40, (1,), (1,)),
        (4, 2**62, (2,), (2**62,)),
        (4, -1, (2,), (1,)),
        (4, 3, (4,), (-1,)),
        (4, 0, (-1,), (1,)),
        (4, 0, (2**62,), (0,)),
        (4, 0, (2**33,), (0,)),
        (4, 0, (2**31, 2**31), (0, 0)),
        (4, 0, (2, 2), (1,)),
        (4, 0, (1,) * 100, (1,) * 100),
        (2**60, 0, (1,), (1,)),
        (2**28, 0, (1,), (1,)),
        (-4, 0, (1,), (1,)),
    ],
    ids=str,
)  # fmt: skip
def test_a_tensor_that_reaches_outside_its_storage_is_refused(size, offset, shape, stride):
    refused(file(tensor(size, offset, shape, stride)))
    refused(file(tensor(size, offset, shape, stride), claimed=size))


def test_storages_that_are_missing_short_or_of_other_names_are_refused():
    good = tensor(4, 0, (4,), (1,))
    assert read_state_dict(file(good))["w"].tolist() == [0, 1, 2, 3]
    for keys in ([], ["1"], [0], ["0", "0"], [["0"]], "", [{}]):
        refused(file(good, keys=keys))
    refused(file(good, claimed=3))
    refused(file(good, claimed=2**62))
    refused(file(good, numbers=3, claimed=4))


def test_a_pickle_made_to_exhaust_or_crash_its_reader_is_refused():
    nest = b"\x85" * 200_000  # a tuple in a tuple in a tuple …
    attacks = {
        "a key that is a deep nest": b"})" + nest + b"Ns.",
        "keys that are deep nests": b"}()" + nest + b"Nu.",
        "a deep nest alone": b")" + nest + b".",
        "a storage named by a deep nest": b")" + nest + b"Q.",
        "a place far out in the memory": b"}r\xff\xff\xff\xff.",
        "a text that is said to be huge": b"X\xff\xff\xff\xffa.",
        "bytes that are said to be huge": b"\x8e" + b"\xff" * 7 + b"\x7fa.",
        "a number of many digits": b"\x8b\xff\xff\xff\x7f1.",
        "a dictionary filled by another name": b"ccollections\nOrderedDict\n)R(]Nu.",
        "an ordered dictionary made from something": b"ccollections\nOrderedDict\n](]Ne\x85R.",
        "a function that is changed": TENSOR + b"}X\x01\x00\x00\x00aNsb.",
        "a frame that never ends": b"\x80\x04\x95" + b"\xff" * 8,
        "an end of nothing": b".",
        "something taken from nowhere": b"h\x05.",
    }
    for attack in attacks.values():
        refused(file(attack))


def test_a_tensor_cannot_be_changed_after_it_was_checked():
    good = tensor(4, 0, (4,), (1,))
    state = b"}X\x06\x00\x00\x00stride" + number(-1000) + b"\x85sb"
    assert good.endswith(b"tRs.")
    refused(file(good[:-2] + state + b"s."))


def test_a_storage_cannot_be_used_to_fill_the_memory():
    item = tensor(4, 0, (4,), (1,))[2:]  # each tensor is a copy, so their number is bounded too
    most = 2**22  # numbers, 70 times: more than 2**28
    data = b"".join(
        (b"X\x02\x00\x00\x00%02d" % n) + item[7:-2].replace(number(4), number(most)) + b"s"
        for n in range(70)
    )
    pickled = b"\x80\x02}" + data + b"."
    refused(file(pickled, numbers=most))


def test_a_file_cut_off_anywhere_is_refused():
    whole = bodies.body("efficientnet-lite0").path().read_bytes()
    for at in range(len(SMALL)):
        refused(SMALL[:at])
    for at in np.geomspace(1, len(whole) - 1, 30, dtype=int):
        refused(whole[:at])


def test_a_file_with_a_flipped_bit_is_refused_or_read_without_harm():
    generator = random.Random(0)
    for _ in range(3_000):
        data = bytearray(SMALL)
        for _ in range(generator.choice([1, 1, 3])):
            data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        try:
            got = read_state_dict(bytes(data))
        except DataError:
            continue
        assert all(isinstance(array, np.ndarray) for array in got.values())


def test_what_is_no_such_file_at_all_is_refused():
    for data in (b"", b"\x00", b"PK\x03\x04", b"\x80\x02.", b"\x89PNG\r\n", bytes(1000)):
        refused(data)
