"""The peer of `serving.py`: a plain FastAPI handler around ONNX Runtime, for FOLDER and PORT.

FOLDER holds a program's `model.onnx` and `manifest.json`. As good practice has it: uvicorn with
its standard extras, the session at module level, a `def` handler, and pydantic for JSON. Needs
fastapi, uvicorn[standard], onnxruntime, pillow.
"""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import uvicorn
from fastapi import Depends, FastAPI, Request
from PIL import Image
from pydantic import create_model

FOLDER = Path(sys.argv[1])
MANIFEST = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
SESSION = onnxruntime.InferenceSession(FOLDER / "model.onnx", providers=["CPUExecutionProvider"])
SPEC, LABELS = MANIFEST["input"], MANIFEST["labels"]

app = FastAPI()


def answer(feeds: dict[str, Any]) -> dict[str, Any]:
    """What the model says of one input."""
    row = SESSION.run(None, feeds)[0][0]
    best = int(row.argmax())
    by_label = {k: round(float(p), 6) for k, p in zip(LABELS, row, strict=True)}
    return {"label": LABELS[best], "probability": by_label[LABELS[best]], "probabilities": by_label}


async def whole(request: Request) -> bytes:
    """The body as it is."""
    return await request.body()


def of_picture(body: bytes = Depends(whole)) -> dict[str, Any]:
    """A picture as a file."""
    image = Image.open(io.BytesIO(body)).convert("L" if SPEC["channels"] == 1 else "RGB")
    factor = min(image.size) // SPEC["size"]
    pixels = np.asarray(image.reduce(factor) if factor > 1 else image)
    return answer({"images": pixels.reshape(1, *pixels.shape[:2], SPEC["channels"])})


if SPEC["kind"] == "image":
    app.post("/run")(of_picture)
else:
    columns = SPEC["columns"]
    fields = {c["name"].replace("-", "_"): c["name"] for c in columns}
    kinds = {c["name"]: float if c["kind"] == "number" else str for c in columns}
    places = {c["name"]: {v: n for n, v in enumerate(c["values"], 2)}
              for c in columns if c["kind"] == "category"}  # fmt: skip
    Cells = create_model("Cells", **{
        field: (kinds[name] | None, None) for field, name in fields.items()
    }, __config__={"alias_generator": fields.get})  # fmt: skip

    def of_row(cells: Cells) -> dict[str, Any]:
        """A row as an object of cells."""
        found = {fields[field]: value for field, value in cells.model_dump().items()}
        numbers = [found[n] if found[n] is not None else np.nan for n in found if n not in places]
        categories = [places[n].get(found[n], 0) if found[n] is not None else 1 for n in places]
        feeds = {"numbers": np.array([numbers], np.float64),
                 "categories": np.array([categories], np.int64)}  # fmt: skip
        return answer({name: array for name, array in feeds.items() if array.size})

    app.post("/run")(of_row)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), access_log=False, log_level="warning")
