"""What a served program is asked: JSON, or a file's bytes, → an input; by the kind of program.

    image, photo   {"image": "…base64…"}       or the file itself
    sound          {"sound": "…base64…"}       or the file itself
    text           {"text": "…"}               or a text/plain file
    prompt         {"prompt": "…", "length": 300, "seed": 1, …}
    table          {"age": 39, "race": "White", …}, or a CSV file, which is a list of them
    ratings        {"user": "42", "item": "50"}, {"user": "42", "top": 5}, {"like": "50", "top": 5}
    series         {"series": [0.1, 0.2, …]}, or a list a channel

A list of these is answered by a list. Nothing in them is ever taken for the name of a file.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from learnt.errors import DataError, ProgramError, UsageError
from learnt.runner.batching import Call, Job
from learnt.runner.program import MAX_INPUT, Program
from learnt.runner.rows import open_rows
from learnt.runner.shapes import Schema, is_number, kind, only, record, text_in
from learnt.runner.text import shown

JSON, BYTES, PNG, TEXT = "application/json", "application/octet-stream", "image/png", "text/plain"
CSV = "text/csv"
MAX_BATCH = 1000  # inputs in a list
MAX_JSON = 8 * 2**20  # bytes of a JSON body; more where files are in it
MAX_TOP, MAX_LENGTH = 1000, 10_000  # items, characters that may be asked for
MAX_EXAMPLE = 12_000  # bytes of an example in the description


def as_json(answer: Any) -> bytes:
    """An answer as the JSON object that `--json` prints."""
    return json.dumps(answer.as_dict(), allow_nan=False).encode()


class Inputs:
    """What a program of one kind is asked."""

    media: ClassVar[tuple[str, ...]] = ()  # of the files that are taken as they are; image/* too
    limit: ClassVar[int] = MAX_JSON  # bytes of a JSON body
    gives: ClassVar[tuple[str, ...]] = ()  # media types besides JSON that it may answer with

    def __init__(self, program: Any) -> None:
        self.program = program

    def job(self, value: Any, wanted: str = JSON) -> Job | Call:
        """One input from JSON, DataError where it is none; `wanted` as in `raw`."""
        raise NotImplementedError

    def raw(self, body: bytes, wanted: str = JSON) -> Job:
        """One input from a file's bytes; `wanted` is the media type of the answer."""
        return Job(lambda: self.program.read(body), self.teller(wanted), len(body))

    def several(self, body: bytes) -> list[Any] | None:
        """The inputs in a file that holds several, as JSON has them; None: it is one."""
        return None

    def teller(self, wanted: str) -> Callable[[Any], bytes]:
        """What turns an answer into that media type."""
        return as_json

    def schema(self) -> Schema:
        """One input, as JSON Schema says it."""
        raise NotImplementedError

    def example(self, name: str, data: bytes) -> Any:
        """An input that travels in the program's file, as JSON."""
        raise NotImplementedError

    def examples(self) -> list[Any]:
        """The inputs that travel in the program's file, the smaller ones; ProgramError if one is
        no input."""
        found = []
        for name, data in sorted(self.program.archive.members.items()):
            if name.startswith("selftest/input_") and len(data) <= MAX_EXAMPLE:
                try:
                    found.append(self.example(name, data))
                    self.job(found[-1])
                except (DataError, ValueError, RecursionError) as error:
                    raise ProgramError(f"the program's {name} is no input: {error}") from None
        return found


class Files(Inputs):
    """A file, by itself or as base64 in JSON."""

    limit = MAX_INPUT * 4 // 3 + 65_536
    field: ClassVar[str] = ""
    about: ClassVar[str] = ""

    def job(self, value: Any, wanted: str = JSON) -> Job:
        """The file in an object of JSON."""
        text = text_in(value, self.field, "a file as base64 text")
        return Job(lambda: self.program.read(self.file(text)), self.teller(wanted), len(text))

    def file(self, text: str) -> bytes:
        """The bytes that base64 stands for."""
        try:
            return b64decode(text, validate=True)
        except ValueError:
            raise DataError(
                f"{self.field!r} must be a file as base64 (A-Z, a-z, +, / and =)"
            ) from None

    def schema(self) -> Schema:
        """An object with the file."""
        text = {"type": "string", "format": "byte", "minLength": 4, "description": self.about}
        return record({self.field: text}, [self.field])

    def example(self, name: str, data: bytes) -> Any:
        """As base64."""
        return {self.field: b64encode(data).decode()}


class Pictures(Files):
    """A picture."""

    media = ("image/*", BYTES)
    field = "image"
    about = "a picture file (PNG, JPEG, GIF, BMP, WebP, TIFF), as base64"


class Photos(Pictures):
    """A picture whose every pixel gets a class; the answer may be a picture, too."""

    gives = (PNG,)

    def teller(self, wanted: str) -> Callable[[Any], bytes]:
        """The mask, or how much of the picture each class has."""
        return (lambda mask: bytes(mask.png())) if wanted == PNG else as_json


class Sounds(Files):
    """A sound."""

    media = ("audio/*", BYTES)
    field = "sound"
    about = "a sound file (WAV, FLAC, OGG, MP3), as base64"


class Texts(Inputs):
    """A text."""

    media = (TEXT,)

    def job(self, value: Any, wanted: str = JSON) -> Job:
        """The text in an object of JSON."""
        text = text_in(value, "text")
        return Job(lambda: self.program.read(text), as_json, len(text))

    def schema(self) -> Schema:
        """An object with the text."""
        limit = f"Only its first {self.program.characters:,} characters are read."
        text = {"type": "string", "pattern": r"\S", "description": limit}
        return record({"text": text}, ["text"])

    def example(self, name: str, data: bytes) -> Any:
        """The text."""
        return {"text": data.decode("utf-8", "replace")}


class Prompts(Inputs):
    """A prompt, from which a text goes on."""

    gives = (TEXT,)

    def job(self, value: Any, wanted: str = JSON) -> Call:
        """The prompt and how to draw, in an object of JSON."""
        prompt, sampling = self.asked(value)

        def make(wanted: Callable[[], bool]) -> bytes:
            return as_json(self.program.written(prompt, sampling, wanted))

        return Call(make)

    def asked(self, value: Any) -> tuple[str, Any]:
        """The prompt, and the Sampling; DataError where they cannot be."""
        from learnt.runner.corpus import Sampling, plain

        given = only(value, "prompt", tuple(self.options()))
        for name, spec in self.options().items():
            if name in given and not is_number(given[name], spec["type"] == "integer"):
                raise DataError(f"{name!r} must be a number; got {kind(given[name])}")
        prompt = given.pop("prompt")
        if not isinstance(prompt, str):
            raise DataError(f"'prompt' must be a text; got {kind(prompt)}")
        if given.get("length", 0) > MAX_LENGTH:
            raise DataError(f"'length' must be at most {MAX_LENGTH:,}")
        try:
            how = Sampling(**{n: v if n in FLOATS else int(v) for n, v in given.items()})
        except UsageError as error:
            raise DataError(str(error)) from None
        return plain(prompt), how

    @staticmethod
    def options() -> dict[str, Schema]:
        """How the next token is drawn, each with its bounds."""
        from learnt.runner.corpus import LENGTH, TEMPERATURE, TOP_K

        whole = {"type": "integer", "minimum": 0}
        return {
            "length": {**whole, "maximum": MAX_LENGTH, "default": LENGTH,
                       "description": "characters"},
            "temperature": {"type": "number", "minimum": 0, "maximum": 100,
                            "default": TEMPERATURE,
                            "description": "0: always the likeliest; 1: as learnt"},
            "top_k": {**whole, "default": TOP_K, "description": "of the K likeliest; 0: all"},
            "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 1,
                      "description": "of a share P of the chances"},
            "seed": {**whole, "default": 0, "description": "equal seeds write equal texts"},
        }  # fmt: skip

    def schema(self) -> Schema:
        """An object with the prompt and how to draw."""
        return record({"prompt": {"type": "string"}, **self.options()}, ["prompt"])

    def example(self, name: str, data: bytes) -> Any:
        """The beginning of a text."""
        return {"prompt": data.decode("utf-8", "replace")[:60], "length": 100, "seed": 1}


class Rows(Inputs):
    """A row of a table."""

    media = (CSV,)

    def job(self, value: Any, wanted: str = JSON) -> Job:
        """The cells in an object of JSON."""
        if not isinstance(value, dict):
            raise DataError(f"a row must be an object of cells by column; got {kind(value)}")
        for name in self.program.columns.names:
            if isinstance(value.get(name), dict | list):
                raise DataError(
                    f"the cell {shown(name)!r} must be a number, a text, true, false or null"
                )
        return Job(lambda: self.program.read(value), as_json)

    def several(self, body: bytes) -> list[Any]:
        """The rows of a CSV file; one too many where there are more than a list may have."""
        if body.startswith(PACKED):
            raise DataError("the table must be CSV as it is: neither packed nor Parquet")
        with open_rows(body) as rows:
            self.program.check_names(rows.names, "the table")
            some = islice(rows, MAX_BATCH + 1)
            return [dict(zip(rows.names, cells, strict=True)) for cells in some]

    def schema(self) -> Schema:
        """An object of cells, each of which may be missing, but not all of them."""
        cell = ["string", "number", "boolean", "null"]
        cells = {}
        for spec in self.program.spec["columns"]:
            about = {"number": "a number", "category": "one of some values", "date": "a date",
                     "yes or no": "yes or no"}[spec["kind"]]  # fmt: skip
            if {"low", "high"} <= set(spec):
                about += f", in training from {spec['low']} to {spec['high']}"
            cells[spec["name"]] = {"type": cell, "description": about}
            if spec["kind"] == "category" and spec["values"]:
                cells[spec["name"]]["examples"] = spec["values"][:20]
        needed = [{"required": [name]} for name in cells]
        return {"type": "object", "properties": cells, "anyOf": needed}

    def example(self, name: str, data: bytes) -> Any:
        """The cells."""
        return json.loads(data)


class Pairs(Inputs):
    """A user and an item; or whom, or what, the best items are wanted for."""

    def __init__(self, program: Any) -> None:
        super().__init__(program)
        self.names = list(program.items)

    def job(self, value: Any, wanted: str = JSON) -> Job | Call:
        """The question, in an object of JSON."""
        if not isinstance(value, dict):
            raise DataError(f"an object is needed, such as {{'user': …}}; got {kind(value)}")
        given = set(value)
        if given not in ({"user"}, {"user", "item"}, {"user", "top"}, {"like"}, {"like", "top"}):
            raise DataError("give 'user' and 'item', or 'user' or 'like', perhaps with 'top'")
        for name in given - {"top"}:
            if not isinstance(value[name], str) and not is_number(value[name], True):
                raise DataError(f"{name!r} must be a name, or a whole number")
        if "item" in given:
            return Job(lambda: self.pair(value["user"], value["item"]), as_json)
        top = value.get("top", 10)
        if not is_number(top, True) or not 1 <= top <= MAX_TOP:
            raise DataError(f"'top' must be a whole number from 1 to {MAX_TOP:,}")
        return Call(lambda wanted: self.best(value, int(top)))

    def pair(self, user: Any, item: Any) -> Any:
        """A user and an item, which may be called by its title, as the graph takes them."""
        return self.program.read((user, self.names[self.program.find(item)]))

    def best(self, value: Mapping[str, Any], top: int) -> bytes:
        """The items that suit a user best, or are most similar to one."""
        if "user" in value:
            items = [rated.as_dict() for rated in self.program.top(value["user"], top)]
        else:
            items = [
                {"item": near.item, "title": near.title, "similarity": round(near.similarity, 6)}
                for near in self.program.similar(value["like"], top)
            ]
        return json.dumps({"items": items}).encode()

    def schema(self) -> Schema:
        """One of three objects."""
        name = {"type": ["string", "integer"]}
        top = {"type": "integer", "minimum": 1, "maximum": MAX_TOP, "default": 10}
        return {
            "oneOf": [
                record({"user": name, "item": name}, ["user", "item"]),
                record({"user": name, "top": top}, ["user"]),
                record({"like": name, "top": top}, ["like"]),
            ]
        }

    def example(self, name: str, data: bytes) -> Any:
        """The pair."""
        return json.loads(data)

    def examples(self) -> list[Any]:
        """Pairs, and one each of the other questions."""
        pairs = super().examples()
        first = pairs[0] if pairs else {"user": "1", "item": self.names[0]}
        return [*pairs, {"user": first["user"], "top": 5}, {"like": first["item"], "top": 5}]


class Series(Inputs):
    """A series of numbers, or one a channel."""

    limit = 32 * 2**20
    most = 1e30  # of a number, either way: the graph squares them in 32 bits

    def job(self, value: Any, wanted: str = JSON) -> Job:
        """The numbers in an object of JSON; null is missing."""
        numbers = only(value, "series")["series"]
        return Job(lambda: self.program.read(as_array(numbers, self.most)), as_json)

    def schema(self) -> Schema:
        """An object with the numbers."""
        channels = self.program.channels
        number = {"type": ["number", "null"], "minimum": -self.most, "maximum": self.most}
        row: Schema = {"type": "array", "items": number, "contains": {"type": "number"}}
        every = {"type": "array", "items": row, "minItems": channels, "maxItems": channels}
        about = f"{channels} channels; any length, {self.program.length} is what was learnt"
        shape = {"oneOf": [row, every]} if channels == 1 else every
        return record({"series": {**shape, "description": about}}, ["series"])

    def example(self, name: str, data: bytes) -> Any:
        """The numbers."""
        series = self.program.read(data).series
        numbers = [[round(float(value), 5) for value in row] for row in series]
        return {"series": numbers[0] if len(numbers) == 1 else numbers}


PACKED = (b"\x1f\x8b", b"PAR1")  # how gzip and Parquet begin
NUMBERS = frozenset((int, float, type(None)))
FLOATS = ("temperature", "top_p")
KINDS: dict[str, type[Inputs]] = {
    "image": Pictures, "photo": Photos, "sound": Sounds, "text": Texts, "prompt": Prompts,
    "table": Rows, "ratings": Pairs, "series": Series,
}  # fmt: skip


def inputs_of(program: Program) -> Inputs:
    """What this program is asked, by its kind."""
    return KINDS[program.spec["kind"]](program)


def as_array(numbers: Any, most: float) -> Any:
    """Numbers, or lists of them, as (n,) or (channels, n); DataError if one is more than `most`."""
    nested = isinstance(numbers, list) and bool(numbers) and isinstance(numbers[0], list)
    rows = numbers if nested else [numbers]
    if not all(isinstance(row, list) and NUMBERS.issuperset(map(type, row)) for row in rows):
        raise DataError("'series' must be a list of numbers (null: missing), or of lists")
    if len(set(map(len, rows))) > 1:
        raise DataError("the channels of a series must be of one length")
    try:
        array = np.array(rows, np.float64)  # None becomes NaN
    except OverflowError:  # a whole number beyond what a float can be
        array = np.array([[np.inf]])
    if np.nanmax(np.abs(array), initial=0) > most:
        raise DataError(f"a number of a series must be at most {most:g}, or missing")
    return array if nested else array[0]
