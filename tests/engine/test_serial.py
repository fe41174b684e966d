"""Files of tensors: what was saved comes back, also from and to other readers of safetensors."""

import collections
import enum
import io
import math
import os

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch as reference  # noqa: TID251
from hypothesis import given
from hypothesis import strategies as st

import learnt.engine as torch
from learnt.engine import nn
from learnt.errors import OutputError


def again(value):
    """`value`, saved and loaded."""
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file)


def same(a, b) -> bool:
    """Equal, type by type, with bitwise equal numbers."""
    if isinstance(a, torch.Tensor):
        return type(a) is type(b) and a.requires_grad == b.requires_grad and same(a.array, b.array)
    if isinstance(a, np.ndarray):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if isinstance(a, dict):
        keys = [(type(k), k) for k in a] == [(type(k), k) for k in b]
        return type(b) is dict and keys and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or repr(a) == repr(b) == "nan")


def test_a_networks_state_comes_back_from_a_file_bit_by_bit(tmp_path):
    make = lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(3, 2))  # noqa: E731
    first, second = make(), make()
    first(torch.randn(4, 1, 5, 5))
    torch.save(first.state_dict(), tmp_path / "w.safetensors")
    loaded = torch.load(tmp_path / "w.safetensors")
    assert list(loaded) == list(first.state_dict())
    second.load_state_dict(loaded)
    for name, t in first.state_dict().items():
        assert t.array.tobytes() == second.state_dict()[name].array.tobytes()


def test_a_checkpoint_comes_back_whole_and_training_goes_on_from_it(tmp_path):
    def begin():
        model = nn.Linear(3, 2)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, amsgrad=True)
        return model, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 2)

    def train(model, optimizer, schedule):
        for _ in range(3):
            optimizer.zero_grad()
            (model(torch.ones(4, 3)) ** 2).sum().backward()
            optimizer.step()
            schedule.step()
        return model.weight.tolist()

    parts = begin()
    train(*parts)
    checkpoint = {
        "model": parts[0].state_dict(),
        "optimizer": parts[1].state_dict(),
        "schedule": parts[2].state_dict(),
        "epoch": 3,
        "args": {"lr": 0.01, "name": "größer", "layers": (3, 2), "best": math.inf, "none": None},
    }
    torch.save(checkpoint, str(tmp_path / "c.pt"))
    loaded = torch.load(tmp_path / "c.pt", map_location="cpu", weights_only=True)
    assert same(loaded, {**checkpoint, "model": dict(checkpoint["model"])})
    others = begin()
    for part, name in zip(others, ("model", "optimizer", "schedule"), strict=True):
        part.load_state_dict(loaded[name])
    assert train(*others) == train(*parts)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
arrays = st.sampled_from(["bool", "uint8", "int8", "int32", "int64", "float32", "float64"]).flatmap(
    lambda kind: st.sampled_from([(), (0,), (3,), (2, 3), (2, 0, 1)]).map(
        lambda shape: np.arange(math.prod(shape)).reshape(shape).astype(kind)
    )
)
tensors = arrays.map(torch.from_numpy) | st.sampled_from([(2,), ()]).map(
    lambda shape: nn.Parameter(torch.ones(shape))
)
keys = st.text() | st.integers() | st.booleans() | st.none() | st.tuples(st.integers(), st.text())
values = st.recursive(
    scalars | arrays | tensors,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=12,
)


@given(values)
def test_anything_made_of_these_types_comes_back_equal(value):
    assert same(again(value), value)


@pytest.mark.parametrize(
    "value",
    [
        {"a": {"b": torch.ones(1)}, "a.b": torch.zeros(1)},
        {"__metadata__": torch.ones(1)},
        {"learnt": torch.ones(1)},
        {"": torch.ones(1), "tensor": torch.zeros(1)},
        {1: torch.ones(1), "1": torch.zeros(1)},
        {"dict": [["a", 1]], "tensor": "x", "tuple": (1,)},
    ],
    ids=str,
)
def test_names_that_look_alike_are_kept_apart(value):
    assert same(again(value), value)


def test_plain_types_stand_for_their_relatives():
    class Colour(enum.IntEnum):
        RED = 3

    back = again({"a": collections.OrderedDict(x=np.float32(2)), "c": Colour.RED, "b": np.True_})
    assert back == {"a": {"x": 2.0}, "c": 3, "b": True}
    assert [type(back["c"]), type(back["b"])] == [int, bool]
    assert again(collections.Counter("aab")) == {"a": 2, "b": 1}
    assert again({"x": torch.ones(2, 3)})["x"].shape == (2, 3)


def test_tensors_that_share_memory_come_back_equal():
    x = torch.arange(6).reshape(2, 3)
    back = again({"x": x, "same": x, "part": x[1], "turned": x.T})
    assert back["same"].tolist() == back["x"].tolist() == x.tolist()
    assert back["part"].tolist() == [3, 4, 5]
    assert back["turned"].tolist() == x.T.tolist()


def test_what_was_loaded_can_be_changed():
    back = again(torch.ones(2))
    back += 1
    assert back.tolist() == [2, 2]


@pytest.mark.parametrize("kind", ["bool", "uint8", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)], ids=str)
def test_every_type_and_shape_comes_back(tmp_path, kind, shape):
    x = torch.tensor(np.ones(shape, kind))
    torch.save({"x": x}, tmp_path / "x.safetensors")
    back = torch.load(tmp_path / "x.safetensors")["x"]
    assert (back.dtype, back.shape) == (x.dtype, x.shape)
    assert back.tolist() == x.tolist()


def test_pytorchs_reader_and_writer_understand_the_files(tmp_path):
    path = tmp_path / "x.safetensors"
    torch.save({"a": torch.tensor([1.0, 2.0]), "b": {"c": torch.tensor([3])}, "n": 4}, path)
    read = safetensors.torch.load_file(path)
    assert {name: t.tolist() for name, t in read.items()} == {"a": [1.0, 2.0], "b.c": [3]}
    safetensors.torch.save_file({"b": reference.tensor([3])}, path, {"format": "pt"})
    assert torch.load(path)["b"].tolist() == [3]


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_of_pytorchs_own_save_is_an_error_that_says_so(tmp_path, legacy):
    path = tmp_path / "x.pt"
    reference.save({"a": reference.ones(2)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ValueError, match="pickle"):
        torch.load(path)


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff" * 50, b"PK\x03\x04", b"\x80\x02"])
def test_what_is_no_safetensors_file_is_an_error_that_says_so(tmp_path, data):
    path = tmp_path / "x.bin"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="safetensors file"):
        torch.load(path)


def test_a_file_that_is_not_whole_is_an_error(tmp_path):
    path = tmp_path / "x.safetensors"
    torch.save({"a": torch.ones(100)}, path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match="whole"):
        torch.load(path)


def test_a_file_that_is_not_there_is_pythons_error():
    with pytest.raises(FileNotFoundError):
        torch.load("nowhere/at/all.safetensors")


@pytest.mark.parametrize(
    "value", [object(), {"a": {1, 2}}, [lambda: 0], nn.Linear(1, 1), {"a": 1j}]
)
def test_what_is_neither_numbers_nor_text_is_named_and_not_saved(value, tmp_path):
    with pytest.raises(NotImplementedError, match="save"):
        torch.save(value, tmp_path / "x")
    assert not os.listdir(tmp_path)


def test_an_object_array_is_not_saved():
    with pytest.raises(NotImplementedError, match=r"ndarray at a\.1"):
        again({"a": [0, np.array([object()])]})


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x"
    torch.save({"n": 1}, path)
    with pytest.raises(NotImplementedError):
        torch.save({"n": object()}, path)
    assert torch.load(path) == {"n": 1}
    torch.save({"n": 2}, path)
    assert torch.load(path) == {"n": 2}
    assert os.listdir(tmp_path) == ["x"]
    with pytest.raises(OutputError):
        torch.save({"n": 1}, tmp_path / "no folder" / "x")


def test_there_is_no_other_device_to_load_to():
    file = io.BytesIO()
    torch.save({"n": 1}, file)
    for place in (None, "cpu", torch.device("cpu"), lambda storage, location: storage):
        file.seek(0)
        assert torch.load(file, map_location=place) == {"n": 1}
    file.seek(0)
    with pytest.raises(NotImplementedError, match="cuda"):
        torch.load(file, map_location="cuda")


def test_nothing_in_a_file_can_name_what_is_not_there():
    import safetensors.numpy

    for text, error in (('{"tensor": "b"}', KeyError), ('{"run": "x"}', ValueError)):
        data = safetensors.numpy.save({"a": np.ones(1)}, {"learnt": text})
        with pytest.raises(error):
            torch.load(io.BytesIO(data))
