"""The bag of words, pairs and letters: against scikit-learn, and against itself in a graph."""

import numpy as np
import onnxruntime
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB

import learnt.engine as torch
from learnt.data.vocabulary import learnt_tokenizer
from learnt.engine import nn
from learnt.engine.autograd import apply
from learnt.engine.onnx import export
from learnt.models import wordbag
from learnt.models.ragged import Ragged
from learnt.models.wordbag import LetterRows, WordRows
from learnt.runner.wordpieces import Tokenizer, letters

ROWS = [[], [5], [2, 3, 2, 1, 4], [1, 1], [3, 2, 3]]


def test_a_ragged_array_gives_its_rows_back():
    ragged = Ragged.of(ROWS)
    assert len(ragged) == 5
    padded = ragged.padded(np.array([4, 0, 2]))
    assert padded.tolist() == [[3, 2, 3, 0, 0], [0] * 5, [2, 3, 2, 1, 4]]
    chosen = ragged.chosen(np.array([2, 0, 1]))
    assert chosen.padded(np.arange(3)).tolist() == [[2, 3, 2, 1, 4], [0] * 5, [5, 0, 0, 0, 0]]
    assert Ragged.of([[], []]).padded(np.arange(2)).tolist() == [[0], [0]]


def test_the_table_begins_as_scikit_learns_naive_bayes(snippets):
    texts = [row["text"] for row in snippets[:500]]
    targets = np.array([row["label"] == "positive" for row in snippets[:500]]).astype(np.int64)
    counts = CountVectorizer(binary=True).fit_transform(texts)
    reference = MultinomialNB().fit(counts, targets).feature_log_prob_
    rows = Ragged.of([(counts[i].indices + 1).tolist() for i in range(counts.shape[0])])
    table = wordbag.naive_bayes(rows, targets, counts.shape[1] + 1, 2)
    ours = table[1:, 1] - table[1:, 0]
    # Row 0 is nobody's, and yet counts once in each class: both sums are larger by one.
    sums = [np.log(counts[targets == k].sum() + counts.shape[1]) for k in (0, 1)]
    more = [np.log(np.exp(s) + 1) for s in sums]
    theirs = reference[1] - reference[0] + (sums[1] - more[1]) - (sums[0] - more[0])
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def words_of(snippets):
    texts = [row["text"] for row in snippets[:300]]
    data, words = learnt_tokenizer(texts, np.arange(200), 1)
    cut = Tokenizer(data, 100)
    return Ragged.of([cut(text) for text in texts]), words


def test_the_vocabulary_is_of_the_training_texts_only(snippets):
    texts, words = words_of(snippets)
    train = texts.chosen(np.arange(200))
    assert train.numbers.min() == wordbag.FIRST  # no word of theirs is unknown
    assert train.numbers.max() == words - 1
    assert (texts.chosen(np.arange(200, 300)).numbers == 1).any()


@pytest.mark.parametrize("kind", ["words", "letters"])
def test_rows_are_the_same_by_arrays_by_the_network_and_by_its_graph(snippets, kind):
    if kind == "words":
        texts, words = words_of(snippets)
        buckets = wordbag.buckets_of(wordbag.pair_keys(texts)[0], words, 10**6, 2)
        expected, network = wordbag.word_rows(texts, buckets), WordRows(buckets)
    else:
        texts = Ragged.of([letters(row["text"], 2048) for row in snippets[:300]])
        buckets = wordbag.buckets_of(wordbag.run_keys(texts)[0], 1, 10**6, 2)
        expected, network = wordbag.letter_rows(texts, buckets), LetterRows(buckets)
    example = torch.tensor(texts.padded(np.arange(2)))
    graph = export(network, example, free=("batch", "length")).SerializeToString()
    session = onnxruntime.InferenceSession(graph)
    for some in (np.arange(200, 209), np.array([3])):
        padded = texts.padded(some)
        (by_graph,) = session.run(None, {"input": padded})
        by_network = network(torch.tensor(padded)).numpy()
        np.testing.assert_array_equal(by_graph, by_network)
        for number, row in zip(some, by_network, strict=True):
            owned = expected.numbers[expected.owners == number]
            assert sorted(row[row > 0]) == sorted(owned)


def test_buckets_keep_what_is_commonest_where_there_is_not_room_for_all():
    keys = np.repeat(np.arange(100), np.arange(100))  # key k, k times
    rows = wordbag.buckets_of(keys, 7, 30, 2)
    used = rows[np.arange(100) % len(rows)]
    assert (used[70:] > 0).all()
    assert not used[:69].any()
    assert sorted(used[used > 0]) == list(range(7, 7 + np.count_nonzero(used)))


@pytest.mark.parametrize("classes", [2, 20])
def test_a_sum_of_rows_is_the_embedding_summed_and_so_is_its_gradient(classes):
    random = np.random.default_rng(0)
    table = random.normal(size=(50, classes)).astype(np.float32)
    table[0] = 0
    rows = torch.tensor(random.integers(0, 50, (6, 30)))
    weights = torch.tensor(random.normal(size=(6, classes)).astype(np.float32))
    ours, theirs = nn.Parameter(torch.tensor(table)), nn.Parameter(torch.tensor(table))
    found = apply(wordbag.RowSum(), ours, rows)
    expected = nn.functional.embedding(rows, theirs, padding_idx=0).sum(1)
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), atol=1e-5)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), atol=1e-5)


def test_a_bag_is_the_sum_of_its_rows_by_the_root_of_their_number():
    table = np.arange(12, dtype=np.float32).reshape(6, 2)
    table[0] = 0
    bag = wordbag.Bag(table)
    found = bag(torch.tensor([[1, 3, 5, 0], [0, 0, 0, 0], [2, 0, 0, 2]])).detach().numpy()
    expected = [table[[1, 3, 5]].sum(0) / 3**0.5, [0, 0], table[[2, 2]].sum(0) / 2**0.5]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    nn.functional.cross_entropy(bag(torch.tensor([[0, 1]])), torch.tensor([0])).backward()
    assert not bag.table.grad.numpy()[0].any()  # the padding learns nothing
