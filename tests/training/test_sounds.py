"""Sounds, from files to a program that listens: three languages of the real recordings."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import learnt
from learnt.data.guess import guess
from learnt.errors import DataError, ProgramError, SoundError
from learnt.runner.archive import parse_archive
from learnt.runner.audio import RATE
from learnt.runner.program import program_of
from learnt.training.learner import Learner
from learnt.training.plan import Budget, Machine
from learnt.training.tasks.sounds import plan_sounds
from learnt.training.testing import measure
from tests.needs import needs
from tests.runner.environments import bare_environment, environment

LANGUAGES = ("French", "Greek", "Russian")


@pytest.fixture(scope="module")
def languages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of some 250 of the recordings: 90 words in three languages."""
    needs("apt-get")
    folder = learnt.get_data("spoken-names")
    with (folder / "spoken-names.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] in LANGUAGES]
    words = sorted({row["group"] for row in rows})[::8]
    table = tmp_path_factory.mktemp("sounds") / "languages.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "group", "label"))
        for row in rows:
            if row["group"] in words:
                writer.writerow((folder / row["file"], row["group"], row["label"]))
    return table


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """High and low tones in noise, a folder each."""
    folder = tmp_path_factory.mktemp("tones")
    for label, tone in (("high", 3000), ("low", 300)):
        (folder / label).mkdir()
        for number in range(12):
            at = np.arange(RATE // 2) / RATE
            noise = np.random.default_rng(number).standard_normal(len(at)) * 0.02
            sound = 0.3 * np.sin(2 * np.pi * (tone + 20 * number) * at) * (at > 0.1) + noise
            soundfile.write(folder / label / f"{number}.flac", sound, RATE)
    return folder


@pytest.fixture(scope="module")
def listener(languages: Path) -> Learner:
    """A Learner that has listened to them a little; not to be trained further."""
    return Learner(learnt.Sounds(languages)).fit(epochs=8)


@pytest.fixture(scope="module")
def program_file(listener: Learner, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return listener.program().save(tmp_path_factory.mktemp("programs") / "languages.pyz")


def first_files(table: Path, count: int = 20) -> list[str]:
    with table.open(encoding="utf-8") as file:
        return [row["file"] for row in csv.DictReader(file)][:count]


def test_the_language_of_words_it_never_heard_is_known(listener: Learner) -> None:
    evaluation = listener.evaluate()
    assert evaluation.value > 0.85
    assert evaluation.baseline < 0.45
    assert evaluation.noun == "sounds"
    words = [
        {listener.data.facts[i].group for i in listener.data.split[s]} for s in ("train", "test")
    ]
    assert not words[0] & words[1]


def test_the_program_answers_as_its_learner(
    listener: Learner, program_file: Path, languages: Path
) -> None:
    program = learnt.load(program_file)
    numbers = listener.data.split.test[:20]
    paths = [listener.data.sounds[i].path for i in numbers]
    scores = listener.outputs(numbers).astype(np.float64)
    wanted = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    found = [[r.probabilities[c] for c in listener.data.classes] for r in program.batch(paths)]
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert program(paths[0].read_bytes()) == program(paths[0])
    assert program.selftest() == []


def test_it_runs_on_wav_files_where_only_numpy_and_onnxruntime_are(
    program_file: Path, languages: Path, tmp_path: Path
) -> None:
    python = bare_environment(tmp_path / "bare", "numpy", "onnxruntime")
    (ogg,) = first_files(languages, 1)
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(RATE), RATE)
    hello = tmp_path / "hello.wav"
    soundfile.write(hello, soundfile.read(ogg)[0], 44100)
    command = [python, program_file, hello, silence, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 2
    assert lines[0]["label"] == learnt.load(program_file)(hello).label
    assert "silence.wav is silent" in lines[1]["error"]
    command = [python, program_file, "-"]
    done = subprocess.run(
        command, input=hello.read_bytes(), capture_output=True, env=environment(), check=False
    )
    assert done.stdout.decode().startswith(f"-: {lines[0]['label']}")


def test_a_folder_a_class_is_recognised_and_learnt(languages: Path, tones: Path) -> None:
    kind, why = guess(tones)
    assert (kind, why) == (learnt.Sounds, "it holds folders of sounds")
    learner = Learner(kind(tones)).fit(epochs=20)
    assert learner.evaluate().value == 1
    kind, why = guess(languages)
    assert (kind, why) == (learnt.Sounds, "its column file names sounds")


def test_unusable_files_are_named_and_left_out_up_to_a_tenth(
    languages: Path, tmp_path: Path
) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
    for number, file in enumerate(first_files(languages, 40)):
        os.symlink(file, tmp_path / "ab"[number % 2] / f"{number}.ogg")
    (tmp_path / "a" / "text.wav").write_text("no sound")
    soundfile.write(tmp_path / "b" / "silence.wav", np.zeros(RATE), RATE)
    data = learnt.Sounds(tmp_path)
    assert len(data) == 41
    assert data.notes[0].startswith("left out 1 of 42 files:\n  a/text.wav is not a sound")
    Learner(data).fit(epochs=1)
    assert "b/silence.wav is silent" in "".join(data.notes)
    for number in range(5):
        (tmp_path / "b" / f"{number}.wav").write_bytes(b"")
    with pytest.raises(DataError, match=r"at most 10.0 % of the files may be unusable; 6 of 47"):
        learnt.Sounds(tmp_path)


def test_a_program_is_measured_on_labelled_sounds(
    program_file: Path, languages: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few.csv"
    few.write_text("".join(languages.read_text().splitlines(keepends=True)[:40]))
    evaluation, notes = measure(learnt.load(program_file), few)
    assert (evaluation.n, evaluation.value > 0.85, notes) == (39, True, [])


def test_a_folder_of_files_and_their_table_is_learnt_and_measured(
    program_file: Path, languages: Path, tmp_path: Path
) -> None:
    rows = [line.split(",") for line in languages.read_text().splitlines()[1:41]]
    for number, (file, *_) in enumerate(rows):
        os.symlink(file, tmp_path / f"{number}.ogg")
    lines = [f"{number}.ogg,{label}" for number, (_, _, label) in enumerate(rows)]
    (tmp_path / "words.csv").write_text("\n".join(["file,label", *lines]))
    assert guess(tmp_path)[0] is learnt.Sounds
    assert len(learnt.Sounds(tmp_path)) == 40
    assert measure(learnt.load(program_file), tmp_path)[0].n == 40


def test_files_whose_form_gives_the_class_away_are_said(tmp_path: Path) -> None:
    for label, rate, channels in (("a", 16_000, 1), ("b", 44_100, 2)):
        (tmp_path / label).mkdir()
        for number in range(8):
            noise = np.random.default_rng(number).standard_normal((9000, channels)) / 10
            soundfile.write(tmp_path / label / f"{number}.wav", noise, rate)
    (note,) = learnt.Sounds(tmp_path).notes
    assert note.startswith("the files' rates and channels alone tell the class of 100.0 % (the ")


def test_the_same_seed_gives_the_same_program(tones: Path) -> None:
    one, other = (Learner(learnt.Sounds(tones)).fit(epochs=2) for _ in range(2))
    assert one.program().onnx == other.program().onnx
    assert one.data.fingerprint() == other.data.fingerprint()


@pytest.mark.parametrize("change", [{"rate": 8000}, {"size": 0}, {"size": "1"}, {"size": 10**9}])
def test_a_manifest_that_lies_is_refused(program_file: Path, change: dict[str, object]) -> None:
    archive = parse_archive(program_file.read_bytes(), "it")
    archive.manifest["input"].update(change)
    with pytest.raises(ProgramError, match="must be sound of 16000 samples a second"):
        program_of(archive)


def test_a_sound_that_is_none_is_an_error(program_file: Path) -> None:
    with pytest.raises(SoundError, match="does not exist"):
        learnt.load(program_file)("nowhere.ogg")


def test_the_plan_hears_four_of_five_sounds_whole() -> None:
    plan = plan_sounds([1.0, 1.1, 1.2, 1.3, 1.3, 9.0], (700, 1000), Budget(), Machine())
    assert plan.options == {"frames": 120}
    assert plan.epochs == 45
    long = plan_sounds([100.0] * 5, (700, 1000), Budget(epochs=2), Machine())
    assert (long.options, long.epochs) == ({"frames": 800}, 2)
    with pytest.raises(learnt.LearntError, match="the model must be one of listener"):
        plan_sounds([1.0], (7, 10), Budget(), Machine(), "nosuch")


def test_soundfile_is_not_needed_to_import_learnt() -> None:
    code = "import learnt.data.sounds, sys; print('soundfile' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
