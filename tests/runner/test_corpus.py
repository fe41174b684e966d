"""Programs that write: as their Learner foresees, the same for the same seed, safe to be given."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch  # noqa: TID251 - the reference

from learnt.engine.tensor import Tensor
from learnt.errors import DataError, ProgramError, UsageError
from learnt.runner.corpus import CorpusProgram, Sampling, windows
from learnt.runner.main import run
from learnt.runner.program import program_of
from learnt.runner.text import OBEYED


@pytest.fixture(scope="module")
def file(writing, tmp_path_factory):
    return writing.save(tmp_path_factory.mktemp("programs") / "novels.pyz")


def test_the_program_foresees_as_its_learner_does(writer, writing):
    numbers = writer.task.examples("test")
    (inputs,), _ = writer.task.batch(numbers)
    ours = np.concatenate([Tensor(writer.outputs(numbers)).softmax(-1).array])
    theirs = Tensor(writing.run({"tokens": inputs})).softmax(-1).array
    np.testing.assert_allclose(theirs, ours, atol=1e-5)
    assert theirs.max() > 30 * theirs.mean(), "it prefers some tokens by far"


def test_bits_per_byte_are_those_of_pytorchs_cross_entropy(writer, writing):
    text = writer.data.texts("test")[0]
    (tokens,) = writing.tokenizer.encode([text])
    known = [writing.begin, *tokens]
    nats = 0.0
    for start, first in windows(len(tokens), writing.context):
        row = known[start : start + writing.context]
        end = min(start + len(row), len(tokens))
        scores = writer.model(Tensor(np.array([row[: end - start]]))).array[0]
        wanted = torch.tensor(known[start + first + 1 : end + 1])
        nats += torch.nn.functional.cross_entropy(
            torch.from_numpy(scores[first:]), wanted, reduction="sum"
        ).item()
    score = writing.score(text)
    assert score.bytes == len(text.encode())
    assert score.bits_per_byte == pytest.approx(nats / np.log(2) / score.bytes, rel=1e-5)


def test_every_token_is_foreseen_once_from_half_a_context_at_least():
    for count in (0, 1, 7, 8, 9, 12, 13, 100):
        seen = []
        for start, first in windows(count, 8):
            assert start == 0 or first >= 4
            seen += range(start + first, min(start + 8, count))
        assert seen == list(range(count))


def test_a_seed_writes_one_text_and_another_seed_another(writing):
    first = writing("It is a tru", length=120, seed=3)
    assert first == writing("It is a tru", length=120, seed=3)
    assert first.text != writing("It is a tru", length=120, seed=4).text
    assert len(first.text) == 120


def test_what_is_streamed_is_the_whole_text_and_a_longer_one_begins_alike(writing):
    whole = writing("Emma", length=200, seed=1).text
    parts = list(writing.stream("Emma", Sampling(length=200, seed=1)))
    assert "".join(parts) == whole
    assert len(parts) > 20
    assert writing("Emma", length=80, seed=1).text == whole[:80]


def test_without_temperature_it_takes_the_likeliest_as_with_one_candidate(writing):
    likeliest = writing("She was ", length=60, temperature=0).text
    assert likeliest == writing("She was ", length=60, top_k=1, seed=9).text
    assert likeliest == writing("She was ", length=60, top_p=1e-9, seed=9).text


def test_a_prompt_that_stops_within_a_word_goes_on_within_it(writing):
    for prompt in ("She was very mu", "Mr. Knightl"):
        written = writing(prompt, length=30)
        tokens = writing.tokenizer.encode([prompt + written.text])[0]
        assert writing.tokenizer.decode(tokens).decode().startswith(prompt)


def test_top_k_and_top_p_draw_only_from_what_they_leave():
    scores, random = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32)), np.random.default_rng(0)
    drawn = {Sampling(temperature=1, top_k=2).draw(scores, random) for _ in range(200)}
    assert drawn == {0, 1}
    drawn = {Sampling(temperature=1, top_p=0.85).draw(scores, random) for _ in range(200)}
    assert drawn == {0, 1, 2}
    plain = [Sampling(temperature=1).draw(scores, random) for _ in range(4000)]
    np.testing.assert_allclose(np.bincount(plain) / 4000, [0.5, 0.3, 0.15, 0.05], atol=0.03)


def test_any_prompt_is_answered(writing):
    assert writing("", length=20).text
    long = writing("the " * 500, length=20)
    assert "only the last 64 tokens" in long.note
    assert len(long.text) == 20
    assert writing("\udcff葡萄 \ud800", length=20).text
    assert writing(b"Caf\xe9 and", length=20).prompt == "Café and"
    for wrong in (3, None, ["a"]):
        with pytest.raises(DataError, match="text or bytes"):
            writing(wrong)
    with pytest.raises(DataError, match="binary"):
        writing(b"\0\1\2\3")


def test_of_a_long_prompt_only_the_end_is_cut_into_tokens(writing, monkeypatch):
    prompt, cut = "It is a truth, " * 50_000, []
    encode = writing.tokenizer.encode
    spied = lambda texts: cut.extend(texts) or encode(texts)  # noqa: E731
    monkeypatch.setattr(writing.tokenizer, "encode", spied)
    answer = writing(prompt, length=30, seed=1)
    assert answer.prompt == prompt
    assert answer.note == f"only the last {writing.context} tokens of the prompt are seen"
    assert max(map(len, cut)) < len(prompt) / 10
    monkeypatch.setattr(writing, "longest", len(prompt))  # so that all of it is
    assert writing(prompt, length=30, seed=1) == answer
    assert max(map(len, cut)) == len(prompt)


def test_options_that_cannot_be_say_what_must_hold(writing):
    for options in ({"length": -1}, {"temperature": -1}, {"temperature": float("nan")},
                    {"top_k": -1}, {"top_p": 0}, {"top_p": 1.5}, {"seed": -1}):  # fmt: skip
        with pytest.raises(UsageError, match="must be"):
            writing("Emma", **options)


def test_the_command_line_writes_from_a_prompt_or_stdin_and_scores_files(
    file, writing, capsys, monkeypatch, tmp_path
):
    assert run(file, ["It is", "--length", "50", "--seed", "2"]) == 0
    wanted = writing("It is", length=50, seed=2)
    assert capsys.readouterr().out == OBEYED.sub("�", wanted.line()) + "\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"It is\n")))
    assert run(file, ["-", "--length", "50", "--seed", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == writing("It is", length=50, seed=2).as_dict()
    (tmp_path / "text.txt").write_text("It is a truth universally acknowledged.")
    assert run(file, ["--score", str(tmp_path / "text.txt"), "--json"]) == 0
    score = json.loads(capsys.readouterr().out)
    assert score["bytes"] == 39
    assert score["bits per byte"] < 6
    with pytest.raises(DataError, match="cannot be read"):
        run(file, ["--score", str(tmp_path / "nothing.txt")])
    assert run(file, []) == 2


def test_an_empty_text_has_no_score(writing, file, tmp_path):
    (tmp_path / "empty.txt").write_bytes(b"")
    with pytest.raises(DataError, match="must not be empty"):
        writing.score("")
    with pytest.raises(DataError, match="must not be empty"):
        run(file, ["--score", str(tmp_path / "empty.txt")])


def test_what_a_terminal_would_obey_is_not_written_to_it(file, capsys):
    assert run(file, ["\x1b[2Jhi", "--length", "5"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_the_selftest_holds_and_finds_other_answers(writing):
    assert writing.selftest() == []
    expected = json.loads(writing.archive.members["selftest/expected.json"])
    name = next(iter(expected))
    expected[name][0] += 1
    members = {**writing.archive.members, "selftest/expected.json": json.dumps(expected).encode()}
    assert len(CorpusProgram(replace(writing.archive, members=members)).selftest()) == 1


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("output", {"kind": "next-token"}),
        ("output", {"kind": "next-token", "context": True, "vocabulary": 513}),
        ("output", {"kind": "next-token", "context": 10**6, "vocabulary": 513}),
        ("output", {"kind": "next-token", "context": 99_999, "vocabulary": 99_999}),
        ("output", {"kind": "next-token", "context": 64, "vocabulary": 600}),
        ("output", {"kind": "next-token", "context": 64, "vocabulary": "513"}),
    ],
)
def test_a_spec_that_cannot_be_is_a_program_error(writing, field, spec):
    manifest = {**writing.manifest, field: spec}
    with pytest.raises(ProgramError):
        program_of(replace(writing.archive, manifest=manifest))


def test_a_graph_that_gives_something_else_than_its_manifest_says_is_a_program_error(writing):
    shape = {"context": 32, "vocabulary": writing.vocabulary}
    manifest = {**writing.manifest, "output": {"kind": "next-token", **shape}}
    other = program_of(replace(writing.archive, manifest=manifest))
    with pytest.raises(ProgramError, match="cannot be run"):
        other("Emma")


def test_a_program_without_its_tokenizer_is_a_program_error(writing):
    members = dict(writing.archive.members)
    del members["assets/tokenizer.json"]
    with pytest.raises(ProgramError, match=r"tokenizer\.json"):
        program_of(replace(writing.archive, members=members))


def test_a_program_is_measured_on_texts_beside_gzip(writing, novels, tmp_path):
    from learnt.training.testing import TRAINED_ON, measure

    evaluation, notes = measure(writing, novels)
    texts = [path.read_text(encoding="utf-8") for path in sorted(novels.iterdir())]
    bits = sum(writing.score(text).bits.sum() for text in texts)
    assert evaluation.value == pytest.approx(bits / sum(len(t.encode()) for t in texts), rel=1e-5)
    assert evaluation.baseline_name.startswith("gzip -9")
    assert notes == [TRAINED_ON]
    (tmp_path / "none.txt").write_bytes(b"\0" * 50)
    with pytest.raises(DataError, match="binary"):
        measure(writing, tmp_path)
