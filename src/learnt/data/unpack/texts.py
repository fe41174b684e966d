"""Texts: a CSV of text and label, or a text file a novel."""

import csv
import email
import io
import json
import struct
import zlib
from contextlib import suppress
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path

from learnt.data.unpack.packages import debian_files, tar_file, tar_files
from learnt.errors import MissingDependencyError

BLOCK = 50  # neighbouring snippets, which may be of one review
AUSTEN = {
    "sensesensibility": "sense-and-sensibility", "prideprejudice": "pride-and-prejudice",
    "mansfieldpark": "mansfield-park", "emma": "emma", "northangerabbey": "northanger-abbey",
    "persuasion": "persuasion",
}  # fmt: skip


def movie_snippets(sdist: Path, folder: Path) -> None:
    """Snippets and the mean of twenty people's sentiment → positive or negative, by its sign.

    A mean of exactly zero (37 snippets) is neither and left out. Neighbours may come from one
    review, so blocks of 50 are a group.
    """
    inner = tar_file(sdist, "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz")
    lines = tar_file(
        io.BytesIO(inner), "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
    ).decode()
    with (folder / "movie-snippets.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("text", "group", "label"))
        for line in filter(None, lines.split("\r\n")):
            number, mean, text = line.split("\t")
            if float(mean) != 0:
                label = "positive" if float(mean) > 0 else "negative"
                rows.writerow((text, (int(number) - 1) // BLOCK, label))


def spam(archive: Path, folder: Path) -> None:
    """E-mails → the subject and, below it, the body; the other headers would give it away."""
    with (folder / "spam.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("text", "label"))
        for name, data in sorted(tar_files(archive, "package/data/")):
            if "/" in name and name.endswith(".json"):
                entry = json.loads(data)
                label = "spam" if entry["group"].startswith("spam") else "ham"
                rows.writerow((_mail(entry["text"]), label))


def _mail(text: str) -> str:
    """Subject and body of an e-mail; the plain one, where there are several."""
    message = email.message_from_string(text)
    subject = message.get("Subject", "")
    with suppress(LookupError, ValueError):  # a character set that nobody knows: as it is
        subject = str(make_header(decode_header(subject)))
    parts = [part for part in message.walk() if part.get_content_maintype() == "text"]
    parts.sort(key=lambda part: part.get_content_subtype() != "plain")  # stable
    return f"{subject}\n\n{_body(parts[0]) if parts else ''}".strip()


def _body(part: Message) -> str:
    """What the part says, out of base64 or quoted-printable."""
    if part.get("Content-Transfer-Encoding", "").strip().lower() in ("base64", "quoted-printable"):
        raw = part.get_payload(decode=True)
        assert isinstance(raw, bytes)
        try:
            return raw.decode(part.get_content_charset("latin-1"), "replace")
        except LookupError:
            return raw.decode("latin-1")
    return str(part.get_payload())


def austen(package: Path, folder: Path) -> None:
    """R's database: an index of offset and size a novel, and each a compressed array of lines."""
    try:
        import rdata
    except ImportError:
        raise MissingDependencyError("rdata") from None
    files = dict(debian_files(package, "usr/lib/R/site-library/janeaustenr/data/"))
    index = rdata.read_rds(io.BytesIO(files["Rdata.rdx"]))
    for novel, (offset, size) in index["variables"].items():
        packed = files["Rdata.rdb"][offset : offset + size]
        data = zlib.decompress(packed[4:])
        assert struct.unpack(">I", packed[:4]) == (len(data),)
        lines = rdata.conversion.convert(rdata.parser.parse_data(data, extension=".rds"))
        text = "\n".join(map(str, lines)) + "\n"
        (folder / f"{AUSTEN[novel]}.txt").write_text(text, encoding="utf-8", newline="\n")
