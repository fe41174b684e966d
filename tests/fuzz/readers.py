"""All that reads bytes from strangers, as functions of bytes: they return, or raise LearntError."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

from learnt.errors import LearntError
from learnt.runner.archive import Archive, parse_archive
from learnt.runner.archive import _manifest as checked_manifest
from learnt.runner.audio import decode as decode_sound
from learnt.runner.bpe import BytePairs
from learnt.runner.columns import Columns
from learnt.runner.graph_check import check_graph
from learnt.runner.images import decode, quiet
from learnt.runner.plain_text import decoded, whole
from learnt.runner.program import program_of
from learnt.runner.rows import open_rows
from learnt.runner.series_rows import fitted, series_rows
from learnt.runner.wordpieces import Tokenizer
from tests.kept import PROGRAMS

Reader = Callable[[bytes], None]


@cache
def programs() -> dict[str, bytes]:
    """A small program of every kind, by name."""
    with tarfile.open(PROGRAMS) as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        return {Path(name).stem: file.read() for name, file in sorted(files.items()) if file}


@cache
def archive_of(name: str) -> Archive:
    return parse_archive(programs()[name], name)


def read_manifest(data: bytes) -> None:
    """The first byte chooses the program, whose manifest is the rest."""
    names = list(programs())
    found = archive_of(names[data[0] % len(names)]) if data else archive_of("digits")
    manifest = checked_manifest({**found.members, "manifest.json": data[1:]})
    repr(program_of(replace(found, manifest=manifest)).labels[:3])


def read_rows(data: bytes) -> None:
    with open_rows(data) as rows:
        for chunk in rows.chunks():
            assert all(set(row) == set(rows.names) for row in chunk)


def read_series(data: bytes) -> None:
    for row in series_rows(data):
        assert fitted(row, 1, 20).shape == (1, 20)


def read_image(data: bytes) -> None:
    with quiet():
        picture = decode(data, 3, 64)
        assert picture.ndim == 3


def read_sound(data: bytes) -> None:
    assert decode_sound(data).ndim == 1


def read_text(data: bytes) -> None:
    decoded(whole(data))[0].encode()


def read_pairs(data: bytes) -> None:
    tokens = BytePairs(data).encode(["Some words, \N{SNOWMAN}"])[0]
    assert BytePairs(data).decode(tokens).decode() == "Some words, \N{SNOWMAN}"


def read_words(data: bytes) -> None:
    assert len(Tokenizer(data, 64)("Some words, and some more.")) <= 64


def read_columns(data: bytes) -> None:
    try:
        specs = json.loads(data)
    except (ValueError, RecursionError):
        return  # the manifest, of which they are a part, is read before
    columns = Columns(specs)
    cells = ["39", "a", None, "2020-01-01", "1e400", True, 7.5, "\0"]
    rows = [columns.read(dict.fromkeys(columns.names, cell))[0] for cell in cells]
    columns.arrays(rows)


def read_program(data: bytes) -> None:
    parse_archive(data, "a program")


READERS: dict[str, Reader] = {
    "program": read_program, "graph": check_graph, "manifest": read_manifest, "rows": read_rows,
    "series": read_series, "image": read_image, "sound": read_sound, "text": read_text,
    "pairs": read_pairs, "words": read_words, "columns": read_columns,
}  # fmt: skip


ENDINGS = {"image": ".png", "sound": ".wav", "series": ".csv", "rows": ".csv", "text": ".txt",
           "pairs": "tokenizer.json", "words": "words.json"}  # fmt: skip


def read(name: str, data: bytes) -> bool:
    """Was it taken? False if it was refused, as it may be; any other error is a bug."""
    with suppress(LearntError):
        READERS[name](data)
        return True
    return False


def seeds(name: str) -> Iterator[bytes]:
    """Good inputs for a reader, taken from the programs."""
    for number, (program, file) in enumerate(programs().items()):
        members = archive_of(program).members
        if name == "program":
            yield file
        if name == "graph":
            yield members["model.onnx"]
        if name == "manifest":
            yield bytes([number]) + members["manifest.json"]
        if name == "columns" and program in ("adult", "houses"):
            yield json.dumps(archive_of(program).manifest["input"]["columns"]).encode()
        wanted = ENDINGS.get(name)
        for member, data in members.items():
            if wanted and member.endswith(wanted):
                yield data
    if name == "rows":
        yield b'a;b\n1;"x\ny"\n2,5;z\n'
        yield parquet()
    if name == "series":
        yield b"@problemName x\n@univariate true\n@classLabel true a b\n@data\n1,2,3:a\n4,?,6:b\n"
    if name == "image":
        yield from _pictures()


def parquet() -> bytes:
    import polars as pl

    file = io.BytesIO()
    pl.DataFrame({"a": [1, None], "b": ["x", "y"]}).write_parquet(file)
    return file.getvalue()


def _pictures() -> Iterator[bytes]:
    from PIL import Image

    for kind in ("JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM"):
        file = io.BytesIO()
        Image.new("RGB", (9, 7), (1, 200, 30)).save(file, kind)
        yield file.getvalue()
