"""What schemathesis must know that a description cannot say: which bytes are a picture, or a table.

It loads this file by SCHEMATHESIS_HOOKS.
"""

import base64
import io

import schemathesis
from hypothesis import strategies
from PIL import Image


def png(size: tuple[int, int], value: int) -> bytes:
    """The bytes of a picture of one grey."""
    file = io.BytesIO()
    Image.new("L", size, value).save(file, "PNG")
    return file.getvalue()


SIDES = strategies.integers(1, 40)
PICTURES = strategies.builds(png, strategies.tuples(SIDES, SIDES), strategies.integers(0, 255))
schemathesis.openapi.format("byte", PICTURES.map(lambda data: base64.b64encode(data).decode()))
for media in ("image/*", "application/octet-stream"):
    schemathesis.openapi.media_type(media, PICTURES)

CELLS = strategies.sampled_from(["", "39", "Private", "?", "1e99", '"a, b"'])
ROWS = strategies.lists(strategies.tuples(CELLS, CELLS).map(",".join), min_size=1, max_size=9)
TABLES = ROWS.map(lambda rows: "\n".join(["age,workclass", *rows]).encode())
schemathesis.openapi.media_type("text/csv", TABLES)
