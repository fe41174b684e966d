"""Every hostile file is refused by every verb that reads programs: one sentence, exit code 2, no
traceback, within little memory; and Python's own readers would see what we saw."""

import io
import json
import subprocess
import sys
import zipfile
import zipimport
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from learnt.cli.main import app
from learnt.errors import ProgramError
from learnt.runner.archive import parse_archive
from tests.hostile.archives import archives
from tests.hostile.child import MEMORY
from tests.hostile.graphs import simple, unsafe, wild
from tests.hostile.zips import built, hashed, listed

PEAK = 700 * 2**20  # bytes; the libraries alone are 150 MB
Outcome = tuple[object, str, str, int]


def outcomes(jobs: list[list[str]]) -> Iterable[tuple[list[str], Outcome]]:
    """What the command line says to each job, in a process of limited memory."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.child"], input=json.dumps(jobs),
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == len(jobs), (jobs[len(lines)], done.returncode, done.stderr[-2000:])
    return zip(jobs, map(json.loads, lines), strict=True)


def refused(job: list[str], outcome: Outcome, most: int = PEAK) -> None:
    code, out, err, peak = outcome
    assert (code, out) == (2, ""), (job, outcome)
    assert err.startswith("error: "), (job, err)
    assert err.count("\n") == 1, (job, err)
    assert "Traceback" not in err
    assert err[:-1].isprintable(), (job, err)
    assert len(err) < 2000
    assert peak < most, (job, peak)


def verbs(file: Path, source: Path) -> list[list[str]]:
    """All that reads a program, of what is there."""
    picture = str(next(source.glob("*/*.png")))
    every = {
        "info": ["info", str(file)],
        "run": ["run", str(file), picture],
        "test": ["test", str(file), str(source)],
        "page": ["page", str(file), "-o", str(file.with_suffix(".html"))],
        "serve": ["serve", str(file), "--port", "1"],
        "verify": ["verify", str(file), "--json"],
        "compare": ["compare", str(file), str(file), str(source)],
    }
    names = {command.name for command in app.registered_commands}
    return [job for name, job in every.items() if name in names]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, members: dict[str, bytes]) -> Path:
    """Two pictures of two classes."""
    folder = tmp_path_factory.mktemp("source")
    for label in ("1", "7"):
        (folder / label).mkdir()
        (folder / label / "x.png").write_bytes(members["selftest/input_0.png"])
    return folder


@pytest.fixture(scope="module")
def zips(members: dict[str, bytes]) -> dict[str, bytes]:
    return dict(archives(members))


def test_the_file_they_are_made_of_is_good(members, tmp_path, source):
    file = tmp_path / "good.pyz"
    file.write_bytes(built(listed(members)))
    for job, (code, _, err, _) in outcomes(verbs(file, source)[:3]):
        assert code == 0, (job, err)


def test_a_file_that_is_no_honest_zip_is_refused(zips, tmp_path, source):
    jobs = []
    for number, (name, data) in enumerate(zips.items()):
        assert name
        file = tmp_path / f"{number}.pyz"
        file.write_bytes(data)
        some = verbs(file, source)
        jobs += [some[0], some[number % len(some)]]
    for job, outcome in outcomes(jobs):
        refused(job, outcome)
    assert not list(tmp_path.glob("*.html"))


def test_what_is_not_refused_is_the_same_to_every_reader(zips, members, small, tmp_path):
    files = {**zips, **{name: path.read_bytes() for name, path in small.items()}}
    read = 0
    for name, data in files.items():
        with suppress(ProgramError):
            found = parse_archive(data, name).members
            read += 1
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                assert {n: archive.read(n) for n in archive.namelist()} == found
            file = tmp_path / f"{read}.pyz"
            file.write_bytes(data)
            importer = zipimport.zipimporter(str(file))
            listing = {key.replace("\\", "/") for key in importer._files}
            assert {key for key in listing if not key.endswith("/")} == set(found)
            for member in found:
                assert importer.get_data(f"{file}/{member}") == found[member]
    assert read == len(small)


def programs(members: dict[str, bytes], folder: Path, graphs: Iterable[tuple[str, bytes]]):
    for number, (name, graph) in enumerate(graphs):
        file = folder / f"{number}.pyz"
        file.write_bytes(built(listed(hashed({**members, "model.onnx": graph}))))
        yield name, file


def test_an_unsafe_graph_is_refused_by_all(members, tmp_path, source):
    jobs = []
    for number, (_, file) in enumerate(programs(members, tmp_path, unsafe())):
        some = verbs(file, source)
        jobs += [some[0], some[number % len(some)]]
    assert len(jobs) > 100
    for job, outcome in outcomes(jobs):
        refused(job, outcome)


def test_a_wild_graph_is_stopped_when_it_is_run(members, tmp_path, source):
    names = {}
    picture = str(next(source.glob("*/*.png")))
    for name, file in programs(members, tmp_path, [("a good one", simple().SerializeToString()),
                                                   *wild()]):  # fmt: skip
        names[str(file)] = name
    jobs = [["run", file, picture] for file in names]
    every = iter(outcomes(jobs))
    _, (code, _, err, _) = next(every)
    assert code == 0, err
    for job, outcome in every:
        refused([names[job[1]], *job], outcome, MEMORY)
    for job, (code, _, _, _) in outcomes([["test", file, str(source)] for file in [*names][1:]]):
        assert code == 2, job
