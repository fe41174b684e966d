"""Training that is killed, stopped or damaged goes on to the very same program, or says why not.

The processes are real, and so are the signals.
"""

import json
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from safetensors import safe_open

from learnt.errors import LearntError, ResumeError
from learnt.training.checkpoint import Run
from learnt.training.learner import Learner
from tests.faults.runs import Home, graph
from tests.pictures import take

EPOCHS = 200  # enough to be killed on the way


@pytest.fixture(scope="module")
def few(digits, tmp_path_factory):
    """Sixty pictures of each of three digits; not to be changed."""
    folder = tmp_path_factory.mktemp("few") / "few"
    return take(digits, folder, {"0": 60, "1": 60, "7": 60})


@pytest.fixture(scope="module")
def options(few):
    """What every training here is asked for."""
    return [few, "--model", "convnet", "--epochs", EPOCHS, "--seed", 3]


@pytest.fixture(scope="module")
def whole(options, tmp_path_factory):
    """A training that nobody disturbed: its home and its program."""
    place = Home(tmp_path_factory.mktemp("whole"))
    code, _, error = place.train(*options, "-o", place.folder / "p.pyz")
    assert code == 0, error
    return place


@pytest.fixture
def place(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def finished(whole, tmp_path):
    """A copy of the finished run, to be damaged."""
    return Run(shutil.copytree(whole.run, tmp_path / whole.run.name))


def ends_alike(place: Home, whole: Home) -> None:
    """The resumed run's program and weights are the undisturbed one's, to the last bit."""
    code, _, error = place.train("--resume", place.run.name)
    assert code == 0, error
    assert graph(place.folder / "p.pyz") == graph(whole.folder / "p.pyz")
    assert place.weights() == whole.weights()
    assert len((place.run / "history.jsonl").read_text().splitlines()) == EPOCHS


@pytest.mark.parametrize("later", [0, 0.2])
def test_a_training_that_is_killed_goes_on_to_the_same_weights(place, whole, options, later):
    with place.start(*options, "-o", place.folder / "p.pyz") as process:
        place.wait_for(process)
        time.sleep(later)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not (place.folder / "p.pyz").exists()
    ends_alike(place, whole)


def test_a_training_that_is_killed_twice_goes_on_to_the_same_weights(place, whole, options):
    with place.start(*options, "-o", place.folder / "p.pyz") as process:
        place.wait_for(process)
        process.kill()
    with place.start("--resume", place.run) as process:
        place.wait_for(process, 2)  # the one that is there, and one of its own
        process.kill()
    ends_alike(place, whole)


def test_a_training_that_is_killed_before_it_saved_begins_again(place, whole, options):
    with place.start(*options, "-o", place.folder / "p.pyz") as process:
        while not list(place.folder.glob("data/runs/*/config.json")):
            assert process.poll() is None
        process.kill()
    place.checkpoint.unlink(missing_ok=True)  # should it have been that quick
    ends_alike(place, whole)


def test_control_c_saves_and_prints_the_command_that_goes_on(place, whole, options):
    with place.start(*options, "-o", place.folder / "p.pyz") as process:
        place.wait_for(process)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    last = error.strip().splitlines()[-1]
    assert last.startswith("error: stopped in epoch ")
    assert last.endswith(
        f"of {EPOCHS}; nothing is lost. Go on with: learnt train --resume {place.run.name}"
    )
    epoch = int(last.split()[4])
    with safe_open(place.checkpoint, "numpy") as file:
        assert json.loads(file.metadata()["progress"])["loop"]["epoch"] == epoch - 1
    ends_alike(place, whole)


def test_resuming_a_finished_run_writes_the_program_again(whole, few):
    program = whole.folder / "p.pyz"
    before, weights = program.read_bytes(), whole.weights()
    program.unlink()
    assert whole.train("--resume", whole.run.name)[0] == 0
    assert program.read_bytes() == before
    assert whole.weights() == weights


def test_the_program_of_a_resumed_run_can_be_put_elsewhere(whole, tmp_path):
    out = tmp_path / "other.pyz"
    assert whole.train("--resume", whole.run, "-o", out)[0] == 0
    assert out.read_bytes() == (whole.folder / "p.pyz").read_bytes()


def test_a_checkpoint_is_whole_whenever_training_is_killed(place, few):
    chance = random.Random(0)
    endless = [few, "--model", "convnet", "--epochs", 100_000, "-o", place.folder / "p.pyz"]
    process = place.start(*endless)
    for _ in range(3):
        with process:
            place.wait_for(process, 2)
            time.sleep(chance.uniform(0, 0.3))
            process.kill()
        arrays, progress = Run(place.run).checkpoint()
        assert "model.1.weight" in arrays
        assert len(progress["history"]) == progress["loop"]["epoch"]
        process = place.start("--resume", place.run.name)
    with process:
        process.kill()


SAVING = """
import sys, numpy, itertools
from pathlib import Path
from learnt.training.checkpoint import Run
run = Run(Path(sys.argv[1]))
for number in itertools.count():
    run.save({"numbers": numpy.full(500_000, number)}, {"history": [], "number": number})
    print(number, flush=True)
"""


def test_a_checkpoint_is_whole_although_saving_is_all_that_is_done_when_killed(tmp_path):
    chance = random.Random(0)
    for _ in range(8):
        command = [sys.executable, "-c", SAVING, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            time.sleep(chance.uniform(0, 0.1))
            process.kill()
            last = int(([0, *process.stdout.read().split()])[-1])
        arrays, progress = Run(tmp_path).checkpoint()
        assert (arrays["numbers"] == progress["number"]).all()
        assert progress["number"] >= last


@pytest.mark.parametrize("change", ["another picture", "one more", "one less", "another label"])
def test_examples_that_changed_are_refused(finished, few, tmp_path, change):
    data = shutil.copytree(few, tmp_path / "data-set")
    config = {**finished.config(), "source": str(data)}
    (finished.folder / "config.json").write_text(json.dumps(config))
    assert Learner.resume(finished.folder).made_plan.epochs == EPOCHS  # so far, they are the same
    one, other = sorted((data / "0").iterdir())[:2]
    match change:
        case "another picture":
            one.write_bytes(one.read_bytes() + b"\0")
        case "one more":
            (data / "0" / "more.png").write_bytes(one.read_bytes() + b"\0")
        case "one less":
            one.unlink()
        case "another label":
            other.rename(data / "1" / "moved.png")
    with pytest.raises(ResumeError, match=r"data-set are not those the run .* put them back, or"):
        Learner.resume(finished.folder)


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.99])
def test_a_checkpoint_that_is_cut_off_is_refused(finished, share):
    file = finished.folder / "checkpoint.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ResumeError, match=r"checkpoint\.safetensors is damaged: start a new run"):
        Learner.resume(finished.folder).fit()


def test_a_flipped_bit_in_a_checkpoint_is_refused(finished):
    file = finished.folder / "checkpoint.safetensors"
    data, chance = file.read_bytes(), random.Random(0)
    for _ in range(200):
        bad = bytearray(data)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        file.write_bytes(bad)
        with pytest.raises(ResumeError, match="is damaged: start a new run"):
            finished.checkpoint()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", "7"])
def test_a_config_that_is_no_config_is_refused(finished, text):
    (finished.folder / "config.json").write_text(text)
    with pytest.raises(ResumeError, match=r"config\.json is damaged: start a new run"):
        Learner.resume(finished.folder)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": None}, {"seed": "x"}, {"plan": None}, {"plan": {}}, {"plan": []}, {"source": 7},
        {"columns": []}, {"columns": {"x": 1}}, {"options": []}, {"options": None},
        {"fingerprint": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_config_with_other_contents_is_refused(finished, change):
    file = finished.folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(LearntError, match=finished.name):
        Learner.resume(finished.folder)
    for name in change:
        config = json.loads(file.read_text())
        del config[name]
        file.write_text(json.dumps(config))
        with pytest.raises(ResumeError, match="another version"):
            Learner.resume(finished.folder)


@pytest.mark.parametrize("name", ["no-such-run", "", "x" * 5000, "a\0b", "/", "../.."])
def test_a_run_that_is_not_there_is_answered_with_the_latest(name):
    with pytest.raises(ResumeError, match="there is no run"):
        Learner.resume(name)
