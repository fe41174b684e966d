"""What a stranger wrote into a program is shown, and never obeyed by a terminal."""

import json
import os
import pty
import subprocess
import sys
from typing import Any

import pytest

from learnt.cli.main import main
from learnt.runner.archive import read_archive
from learnt.runner.text import OBEYED
from tests.hostile.zips import built, hashed, listed

EVIL = "\x1b]0;evil\x07\x1b[31m\u202e\u2066\x9b2J\r\x08\x7f<script>"
KINDS = ("adult", "digits", "films", "gestures", "houses", "labels", "languages", "novels",
         "number", "scenes", "texts")  # fmt: skip


def evil(value: Any, key: str = "") -> Any:
    """A manifest whose labels, names and notes say more than they should."""
    if isinstance(value, dict):
        return {k: evil(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [evil(v, key) for v in value]
    free = key in ("labels", "name", "values", "label", "user", "item", "rating", "title", "learnt")
    return value + EVIL if isinstance(value, str) and free else value


def made(file, folder) -> tuple[Any, list[str]]:
    """An evil program, and a good input for it."""
    archive = read_archive(file)
    manifest = evil({k: v for k, v in archive.manifest.items() if k != "sha256"})
    members = dict(archive.members)
    members["card.md"] += f"\n{EVIL}\n[a link](https://example.org/{EVIL})\n".encode()
    members["manifest.json"] = json.dumps(manifest).encode()
    if "assets/items.json" in members:
        names = json.loads(members["assets/items.json"])
        titles = {name + EVIL: title + EVIL for name, title in names.items()}
        members["assets/items.json"] = json.dumps(titles).encode()
    program = folder / "evil.pyz"
    program.write_bytes(built(listed(hashed(members))))
    name = min(n for n in members if n.startswith("selftest/input_"))
    source = folder / name.replace("selftest/input_", EVIL.replace("/", "") + "x")
    source.write_bytes(members[name])
    if "columns" in manifest["input"] and manifest["input"]["kind"] == "table":
        names = [column["name"] for column in manifest["input"]["columns"]]
        return program, [f"{names[0]}=1{EVIL}", f"{names[1]}={EVIL}"]
    if manifest["input"]["kind"] == "ratings":
        return program, ["--user", EVIL, "--top", "3"]
    if manifest["input"]["kind"] == "prompt":
        return program, [f"Emma {EVIL}", "--length", "20"]
    return program, [str(source)]


@pytest.mark.parametrize("kind", KINDS)
def test_no_line_of_a_program_holds_what_a_terminal_would_obey(small, tmp_path, capsys, kind):
    program, source = made(small[kind], tmp_path)
    for verb in (["info"], ["info", "--json"], ["verify"], ["verify", "--json"],
                 ["run", *source], ["run", *source, "--json"], ["run", EVIL + ".png"],
                 ["run", "--help"]):  # fmt: skip
        try:
            main([verb[0], str(program), *verb[1:]])
        except SystemExit:
            assert verb[-1] == "--help"
        out, err = capsys.readouterr()
        assert out or err
        assert not OBEYED.search(out), (verb, out)
        assert not OBEYED.search(err), (verb, err)


def test_a_card_on_a_terminal_has_no_escapes_but_ours(small, tmp_path):
    program, source = made(small["digits"], tmp_path)
    for arguments in (["info", str(program)], ["run", str(program), "--info", *source]):
        ours, theirs = pty.openpty()
        subprocess.run(
            [sys.executable, "-m", "tests.hostile.terminal", *arguments], stdout=theirs, check=True
        )
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:  # all is read
            pass
        os.close(ours)
        text = shown.decode()
        assert "a link" in text
        for bad in ("\x1b]", "\x07", "\u202e", "\u2066", "\x9b", "\x08", "\x7f", "\x1b[31m\ufffd"):
            assert bad not in text, (arguments, bad)
