"""Sounds: audio files, and a CSV of file, label and group beside them."""

import csv
import hashlib
import re
from pathlib import Path

from learnt.data.unpack.packages import debian_files

LANGUAGES = {"be": "Belarusian", "bg": "Bulgarian", "ca": "Catalan", "el": "Greek",
             "es": "Spanish", "fr": "French", "ro": "Romanian", "ru": "Russian"}  # fmt: skip


def spoken_names(package: Path, folder: Path) -> None:
    """Names of stamps, read aloud → the files, and a CSV of file, group and label beside them.

    A group is a word: stamps with one description in English or one name in any of the
    languages, or of which two recordings are the same file.
    """
    recordings: list[tuple[str, str]] = []  # (stamp, language)
    groups = Groups()
    for name, data in debian_files(package, "usr/share/tuxpaint/stamps/"):
        stamp, _, ending = name.partition("_desc_")
        language = ending.removesuffix(".ogg")
        if ending.endswith(".ogg") and language in LANGUAGES:
            recordings.append((stamp, language))
            groups.join(stamp, f"~sha256 {hashlib.sha256(data).hexdigest()}")
            (folder / _file(stamp, language)).write_bytes(data)
        elif name.endswith(".txt"):
            for word in _words(data.decode("utf-8", "replace")):
                groups.join(name.removesuffix(".txt"), word)
    with (folder / "spoken-names.csv").open("w", encoding="utf-8", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(("file", "group", "label"))
        for stamp, language in sorted(recordings):
            rows.writerow((_file(stamp, language), groups.name(stamp), LANGUAGES[language]))


def _file(stamp: str, language: str) -> str:
    return f"{stamp.replace('/', '-')}-{language}.ogg"


def _words(text: str) -> list[str]:
    """What a stamp is called in English (the first line) and in each of the languages.

    The tilde sorts behind all letters, so that groups are named by a stamp.
    """
    english, *others = text.splitlines() or [""]
    found = [re.match(r"([a-z]{2})\.utf8=(.*)", line) for line in others]
    named = [(m[1], m[2]) for m in found if m and m[1] in LANGUAGES]
    return [f"~{code} {word.strip()}" for code, word in [("en", english), *named] if word.strip()]


class Groups:
    """Names that belong together, directly or through others: a forest of links to a first."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def name(self, member: str) -> str:
        """The group's name: the first, by the alphabet, that has been joined to it."""
        while (parent := self._parent.setdefault(member, member)) != member:
            member = parent
        return member

    def join(self, one: str, other: str) -> None:
        """From now on these two belong together, and all that belongs to either."""
        first, second = sorted((self.name(one), self.name(other)))
        self._parent[second] = first
