"""A served program's description, OpenAPI 3.1: made from its manifest, with examples of its own."""

import json
from typing import Any

from learnt.runner.inputs import CSV, JSON, MAX_BATCH, PNG, TEXT, Inputs, as_json
from learnt.runner.program import Program
from learnt.runner.shapes import Schema, record

MAX_LABELS = 200  # that are listed one by one
PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}
PLAIN = r"^[^\x00-\x08\x0e-\x1f\x7f-\x9f]*$"  # text of a file: without control characters
STRING = {"type": "string"}
RAW: dict[str, Schema] = {  # files that are text
    TEXT: {"type": "string", "allOf": [{"pattern": r"\S"}, {"pattern": PLAIN}]},
    CSV: {"type": "string", "description": "a line of column names, then up to "
          f"{MAX_BATCH:,} rows, which are answered as a list is"},
}  # fmt: skip
NOTE = {"note": {"type": "string", "description": "what to keep in mind with this answer"}}
REASONS = {
    400: "Not a request that can be read.", 403: "A request from another site's page.",
    408: "The request did not come in time.", 413: "The body is too large.",
    415: "A body of another kind is needed.", 422: "Not an input that can be used.",
    431: "The headers are too large.", 500: "The program failed.",
    503: "Too much to do, or it took too long: try again later.",
}  # fmt: skip


def openapi(program: Program, inputs: Inputs) -> dict[str, Any]:
    """The whole description."""
    name = str(program.manifest.get("name") or "program")[:200]
    about = f"{program.about}\n\n{program.card}"
    return {
        "openapi": "3.1.0",
        "info": {"title": name, "description": about,
                 "version": str(program.manifest.get("learnt", "0"))},
        "paths": {
            "/": {"get": _get("A page for people.", "text/html", STRING)},
            "/run": {"post": _run(program, inputs)},
            "/openapi.json": {"get": _get("This description.", JSON, {"type": "object"})},
            "/health": {"get": _get("Is it ready?", JSON, record({"status": STRING}, ["status"]))},
            "/metrics": {"get": _get("Counters for Prometheus.", TEXT, STRING)},
        },
        "components": {
            "schemas": {
                "Input": inputs.schema(),
                "Answer": answer(program),
                "Error": record({"error": STRING}, ["error"]),
            }
        },
    }  # fmt: skip


def answer(program: Program) -> Schema:
    """An answer, as JSON Schema says it: by the kind of the program's output."""
    kind = program.manifest.get("output", {"kind": "classes"})["kind"]
    few = len(program.labels) <= MAX_LABELS
    label = {"enum": program.labels} if few else STRING
    each: Schema = {"type": "object", "additionalProperties": PROBABILITY}
    if few:
        names = program.labels
        each = record(dict.fromkeys(names, PROBABILITY), names)
    number = {"type": "number"}
    size = {"type": "integer", "minimum": 1}
    called = {"item": STRING, "title": STRING}
    rated = record({**called, "value": number, **NOTE}, ["item", "title", "value"])
    similar = record({**called, "similarity": number}, ["item", "title", "similarity"])
    best = {"type": "array", "items": {"anyOf": [rated, similar]}}
    share = {"type": "object", "additionalProperties": PROBABILITY}
    found: dict[str, Schema] = {
        "classes": record({"label": label, "probability": PROBABILITY, "probabilities": each,
                           **NOTE}, ["label", "probability", "probabilities"]),
        "labels": record({"labels": {"type": "array", "items": label}, "probabilities": each,
                          **NOTE},
                         ["labels", "probabilities"]),
        "number": record({"value": number, **NOTE}, ["value"]),
        "rating": {"oneOf": [rated, record({"items": best}, ["items"])]},
        "mask": record({"shares": share, "width": size, "height": size, **NOTE},
                       ["shares", "width", "height"]),
        "next-token": record(
            {"prompt": STRING, "text": STRING, "tokens": {"type": "integer"},
             "ended": {"type": "boolean"}, "seed": {"type": "integer"}, **NOTE},
            ["prompt", "text", "tokens", "ended", "seed"]),
    }  # fmt: skip
    return found[kind]


def _run(program: Program, inputs: Inputs) -> dict[str, Any]:
    one, error, told = (
        {"$ref": f"#/components/schemas/{name}"} for name in ("Input", "Error", "Answer")
    )
    item = {"anyOf": [one, {"description": "anything else has an error in its place"}]}
    several = {"type": "array", "items": item, "minItems": 1, "maxItems": MAX_BATCH}
    examples = inputs.examples()
    body: dict[str, Any] = {"schema": {"oneOf": [one, several]}}
    if examples:
        body["examples"] = {f"example {n}": {"value": v} for n, v in enumerate(examples, 1)}
    raw: Schema = {m: {"schema": RAW.get(m, {})} for m in inputs.media}
    each = {"type": "array", "items": {"anyOf": [told, error]}}
    answers: dict[str, Any] = {JSON: {"schema": {"oneOf": [told, each]}}}
    found = _answered(program, inputs)
    if found is not None:
        answers[JSON]["examples"] = {"example 1": {"value": found}}
    for media in inputs.gives:
        answers[media] = {"schema": STRING if media == TEXT else {}}
    return {
        "summary": "Run the program on an input; or on several, as a list.",
        "description": "A list is answered by a list, in order; an input in it that cannot be "
        "used has an error in its place." + _more(inputs),
        "operationId": "run",
        "requestBody": {"required": True, "content": {JSON: body, **raw}},
        "responses": {
            "200": {"description": "The answer.", "content": answers},
            **{str(status): {"description": reason, "content": {JSON: {"schema": error}}}
               for status, reason in REASONS.items()},
        },
    }  # fmt: skip


def _more(inputs: Inputs) -> str:
    if PNG in inputs.gives:
        return " One picture with `Accept: image/png` is answered by its mask as PNG."
    if TEXT in inputs.gives:
        return " One prompt with `Accept: text/plain` is answered by the text, as it is written."
    return ""


def _answered(program: Program, inputs: Inputs) -> Any:
    """The program's own answer to its first example, where that takes no time."""
    from learnt.runner.batching import Job

    for value in inputs.examples()[:1]:
        job = inputs.job(value)
        if isinstance(job, Job):
            item = job.read()
            return json.loads(as_json(program.finished(item, program.outputs([item])[0])))
    return None


def _get(about: str, media: str, schema: Schema) -> dict[str, Any]:
    content = {media: {"schema": schema}}
    return {"summary": about, "responses": {"200": {"description": about, "content": content}}}
