"""Files of tensors: what was saved comes back, also from and to other readers of safetensors."""

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch as reference  # noqa: TID251

import learnt.engine as torch
from learnt.engine import nn


def test_a_networks_state_comes_back_from_a_file_bit_by_bit(tmp_path):
    make = lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(3, 2))  # noqa: E731
    first, second = make(), make()
    first(torch.randn(4, 1, 5, 5))
    torch.save(first.state_dict(), tmp_path / "w.safetensors")
    second.load_state_dict(torch.load(tmp_path / "w.safetensors"))
    assert list(first.state_dict()) == list(second.state_dict())
    for name, t in first.state_dict().items():
        assert t.array.tobytes() == second.state_dict()[name].array.tobytes()


@pytest.mark.parametrize("kind", ["bool", "uint8", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)], ids=str)
def test_every_type_and_shape_comes_back(tmp_path, kind, shape):
    x = torch.tensor(np.ones(shape, kind))
    torch.save({"x": x}, tmp_path / "x.safetensors")
    back = torch.load(tmp_path / "x.safetensors")["x"]
    assert (back.dtype, back.shape) == (x.dtype, x.shape)
    assert back.tolist() == x.tolist()


def test_a_view_is_saved_as_what_it_shows(tmp_path):
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).T
    torch.save({"x": x, "row": x[1], "number": x[0, 0] * 2}, tmp_path / "x.safetensors")
    back = torch.load(tmp_path / "x.safetensors")
    assert back["x"].tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert back["row"].tolist() == [2.0, 4.0]
    assert back["number"].item() == 2.0


def test_pytorchs_reader_and_writer_understand_the_files(tmp_path):
    path = tmp_path / "x.safetensors"
    torch.save({"a": torch.tensor([1.0, 2.0])}, path)
    assert safetensors.torch.load_file(path)["a"].tolist() == [1.0, 2.0]
    safetensors.torch.save_file({"b": reference.tensor([3])}, path)
    assert torch.load(path)["b"].tolist() == [3]


def test_a_file_that_is_not_whole_is_an_error(tmp_path):
    path = tmp_path / "x.safetensors"
    torch.save({"a": torch.ones(100)}, path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(safetensors.SafetensorError):
        torch.load(path)
