"""A program file from a stranger is only data: what is not exactly right is refused.

Each file here is a good program with one thing wrong. Refused means: a ProgramError that names
the file, and nothing of the file has been run.
"""

import io
import json
import random
import stat
import struct
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import pytest

import learnt
from learnt.cli.main import main
from learnt.errors import ProgramError
from learnt.runner import archive
from tests.runner.crafted import changed, members_of, with_hashes, zipped

NESTED = "[" * 100_000 + "]" * 100_000
BAD_LABELS = [
    None, "cat, dog", [], ["cat"], ["cat", "cat"], ["cat", 7], {"cat": 0, "dog": 1},
    ["cat", "d" * 1001], ["cat", None],
]  # fmt: skip
BAD_INPUTS = [
    None, "image", {}, {"kind": "sound", "channels": 1, "size": 28},
    {"kind": "image", "channels": 2, "size": 28}, {"kind": "image", "channels": True, "size": 28},
    {"kind": "image", "channels": 1.0, "size": 28}, {"kind": "image", "channels": 1, "size": 0},
    {"kind": "image", "channels": 1, "size": "28"}, {"kind": "image", "channels": 1, "size": True},
    {"kind": "image", "channels": 1, "size": 10**9}, {"kind": "image", "channels": 1},
]  # fmt: skip


def refused(data: bytes, folder: Path, because: str) -> None:
    """The file is refused with its name and this reason, by Python and by the command line."""
    file = folder / "stranger.pyz"
    file.write_bytes(data)
    with pytest.raises(ProgramError, match=because) as caught:
        learnt.load(file)
    assert str(file) in str(caught.value)
    assert main(["info", str(file)]) == 2


def test_a_program_put_together_again_is_read(program_file, tmp_path):
    file = tmp_path / "again.pyz"
    file.write_bytes(changed(program_file, {}))
    assert learnt.load(file).labels == learnt.load(program_file).labels


@pytest.mark.parametrize("name", ["__main__.py", "model.onnx", "card.md", "learnt/errors.py"])
def test_a_member_that_was_changed_is_refused(program_file, tmp_path, name):
    members = members_of(program_file)
    members[name] += b"\n"
    refused(zipped(members), tmp_path, f"{name} is not what the manifest says")


@pytest.mark.parametrize("name", ["model.onnx", "card.md", "manifest.json"])
def test_a_program_without_a_member_it_needs_is_refused(program_file, tmp_path, name):
    members = members_of(program_file)
    del members[name]
    refused(zipped(members), tmp_path, f"it has no {name}")


def test_a_member_that_was_taken_out_is_missed(program_file, tmp_path):
    members = members_of(program_file)
    del members["selftest/input_0.png"]
    refused(zipped(members), tmp_path, "sha256 of exactly its members")


@pytest.mark.parametrize(
    "name",
    [
        "../evil.py", "learnt/../../evil.py", "/etc/evil.py", "C:\\evil.py", "model.pkl",
        "weights.pickle", "learnt/engine/tensor.py", "learnt/runner/../evil.py", "numpy.py",
        "selftest/input_1.gif", "learnt/runner/", "MODEL.ONNX", "model.onnx.data", "card.md\n",
    ],
)  # fmt: skip
def test_a_member_that_no_program_has_is_refused(program_file, tmp_path, name):
    refused(changed(program_file, {name: b"x = 1\n"}), tmp_path, "unexpected member|or no file")


def test_a_second_copy_of_a_member_is_refused(program_file, tmp_path):
    file = io.BytesIO(program_file.read_bytes())
    with warnings.catch_warnings(), zipfile.ZipFile(file, "a") as new:
        warnings.simplefilter("ignore")  # zipfile itself does not like it
        new.writestr("model.onnx", members_of(program_file)["model.onnx"])
    refused(file.getvalue(), tmp_path, "a member is there twice")


def test_more_members_than_any_program_has_are_refused(program_file, tmp_path):
    many: dict[str, bytes | None] = {f"selftest/input_{n}.png": b"" for n in range(201)}
    refused(changed(program_file, many), tmp_path, "at most 200")


def test_a_symbolic_link_is_refused(program_file, tmp_path):
    members = members_of(program_file)
    card = members.pop("card.md")
    file = io.BytesIO(zipped(members))
    with zipfile.ZipFile(file, "a") as new:
        link = zipfile.ZipInfo("card.md")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        new.writestr(link, card)
    refused(file.getvalue(), tmp_path, "a link or encrypted")


def test_an_encrypted_member_is_refused(program_file, tmp_path):
    data = bytearray(program_file.read_bytes())
    at = data.index(b"PK\x01\x02")  # the first entry of the central directory
    data[at + 8] |= 0x1
    refused(bytes(data), tmp_path, "a link or encrypted")


def test_a_member_that_unpacks_to_hundreds_of_times_its_size_is_refused(program_file, tmp_path):
    bomb = changed(program_file, {"model.onnx": b"\0" * 2**22})
    assert len(bomb) < 2**18
    refused(bomb, tmp_path, "model.onnx is too large")


def test_a_member_larger_than_any_is_refused(program_file, tmp_path):
    noise = random.Random(0).randbytes(2**20) * 33  # deflate does not see that far back
    refused(changed(program_file, {"card.md": noise}), tmp_path, "card.md is too large")


def test_members_that_are_too_large_together_are_refused(program_file, tmp_path):
    half = b"\0" * 2**15 + random.Random(0).randbytes(2**8)
    picture = half * (31 * 2**20 // len(half))  # packed as tightly as is allowed
    bombs: dict[str, bytes | None] = {f"selftest/input_{n}.png": picture for n in range(5)}
    data = changed(program_file, bombs)
    assert len(data) < 2**22
    refused(data, tmp_path, "too large together")


def test_a_member_that_says_it_is_shorter_than_it_is_is_refused(program_file, tmp_path):
    data = bytearray(program_file.read_bytes())
    at = data.index(b"PK\x01\x02")
    (size,) = struct.unpack_from("<I", data, at + 24)
    struct.pack_into("<I", data, at + 24, size - 1)
    refused(bytes(data), tmp_path, "stranger.pyz")


@pytest.mark.parametrize(
    ("manifest", "because"),
    [
        (b"", "not JSON"), (b"{", "not JSON"), (b"\xff\xfe\x00", "not JSON"),
        (b"[]", "not an object"), (b"null", "not an object"), (b'"text"', "not an object"),
        (NESTED.encode(), "not JSON"), (b"9" * 5000, "not JSON"), (b"{}", "its format is 'None'"),
    ],
)  # fmt: skip
def test_a_manifest_that_is_no_manifest_is_refused(program_file, tmp_path, manifest, because):
    members = {**members_of(program_file), "manifest.json": manifest}
    refused(zipped(members), tmp_path, because)


@pytest.mark.parametrize("number", [2, 0, -1, "1", 1.0, True, None, [1], 10**30])
def test_another_format_is_refused_with_what_to_do(program_file, tmp_path, number):
    refused(changed(program_file, {}, format=number), tmp_path, "pip install -U learnt")


@pytest.mark.parametrize("task", ["world-domination", "", None, 7, ["image-classification"]])
def test_an_unknown_task_is_refused(program_file, tmp_path, task):
    refused(changed(program_file, {}, task=task), tmp_path, "its task is")


@pytest.mark.parametrize("labels", BAD_LABELS, ids=lambda labels: str(labels)[:30])
def test_labels_that_are_not_different_texts_are_refused(program_file, tmp_path, labels):
    refused(changed(program_file, {}, labels=labels), tmp_path, "its labels must be")


@pytest.mark.parametrize("spec", BAD_INPUTS, ids=str)
def test_an_input_that_is_no_picture_is_refused(program_file, tmp_path, spec):
    refused(
        changed(program_file, {}, input=spec),
        tmp_path,
        "its input (must be|is )|do not go together",
    )


@pytest.mark.parametrize("hashes", [None, [], {}, {"model.onnx": "0" * 64}])
def test_a_manifest_without_the_hashes_is_refused(program_file, tmp_path, hashes):
    members = with_hashes(members_of(program_file))
    manifest = {**json.loads(members["manifest.json"]), "sha256": hashes}
    members["manifest.json"] = json.dumps(manifest).encode()
    refused(zipped(members), tmp_path, "sha256 of exactly its members")


@pytest.mark.parametrize("data", [b"", b"#!/usr/bin/env python3\n", b"PK\x05\x06", b"\0" * 1000])
def test_a_file_that_is_no_zip_is_refused(tmp_path, data):
    refused(data, tmp_path, "is not a safe, whole program file")


def test_what_is_no_file_is_refused(tmp_path):
    for name in (tmp_path, tmp_path / "missing.pyz", "a\0b", "/dev/zero", "x" * 5000):
        with pytest.raises(ProgramError):
            learnt.load(name)


def test_a_program_cut_off_anywhere_is_refused(program_file):
    data = program_file.read_bytes()
    for length in range(0, len(data), len(data) // 200):
        with pytest.raises(ProgramError, match=r"cut\.pyz"):
            archive.parse_archive(data[:length], "cut.pyz")


def test_a_flipped_bit_is_noticed_or_changes_nothing(program_file):
    data = program_file.read_bytes()
    good = archive.parse_archive(data, "good.pyz")
    chance, refusals = random.Random(0), 0
    for _ in range(400):
        bad = bytearray(data)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        try:
            read = archive.parse_archive(bytes(bad), "flipped.pyz")
        except ProgramError as error:
            assert "flipped.pyz" in str(error)  # noqa: PT017 - either outcome is right
            refusals += 1
        else:  # a date or another byte that nobody reads
            assert (read.members, read.manifest) == (good.members, good.manifest)
    assert refusals > 350


def test_nothing_in_a_program_is_run_when_it_is_read_as_data(program_file, digits, tmp_path):
    marker, file = tmp_path / "marker", tmp_path / "stranger.pyz"
    trap = f"open({str(marker)!r}, 'w').close()\n".encode()
    names = [name for name in members_of(program_file) if name.endswith(".py")]
    file.write_bytes(changed(program_file, dict.fromkeys(names, trap)))
    picture = str(next((digits / "7").iterdir()))
    few = tmp_path / "few"
    for label in ("1", "7"):
        (few / label).mkdir(parents=True)
        (few / label / "x.png").write_bytes(Path(picture).read_bytes())
    assert learnt.load(file)(picture).label == "7"
    assert learnt.load(file).selftest() == []
    for verb in (["info"], ["info", "--json"], ["run", picture], ["test", str(few)]):
        assert main([verb[0], str(file), *verb[1:]]) == 0
    assert not marker.exists()
    subprocess.run([sys.executable, str(file)], check=True)  # this is what runs it
    assert marker.exists()
