"""A program's card in words: Markdown, in sections of a fixed order, from the card's facts."""

from collections.abc import Mapping, Sequence
from typing import Any

from learnt.runner.text import percent
from learnt.training.markdown import WIDTH, escaped, listed, paragraph, table
from learnt.training.metrics import Evaluation, figure

ALL = 20  # classes, up to which each is shown
WORST, BEST = 10, 5  # else so many
MATRIX = 12  # classes, up to which every cell of the confusion is shown
PAIRS = 5
BY_CLASS = ("IoU of ", "AP of ")  # what tables show
PIXELS = 1000  # from which counts are shown as shares


def card_text(
    name: str, facts: Mapping[str, Any], evaluation: Evaluation, details: Sequence[str] = ()
) -> str:
    """The card; `details` are further paragraphs of Markdown about the data."""
    sections = [
        (f"# {escaped(name)}: {escaped(facts['question'])}", _figure(evaluation)),
        ("## Data", [*_data(facts["data"]), *details]),
        ("## Model", [_model(facts["model"])]),
        ("## Class by class", _classes(facts, evaluation)),
        ("## Limits", [paragraph(escaped(facts["limits"]))]),
        ("## Licences", [_licences(facts)]),
        ("## To train it again", _retrain(facts)),
    ]
    texts = ["\n\n".join([head, *parts]) for head, parts in sections if parts]
    return "\n\n".join(texts) + "\n"


def _figure(evaluation: Evaluation) -> list[str]:
    metric, name = evaluation.metric, evaluation.baseline_name
    text = (
        f"**{metric[0].upper()}{metric[1:]} {figure(metric, evaluation.value)}** "
        f"({evaluation.interval_text}) on {evaluation.n:,} {evaluation.noun} it never saw in "
        f"training. For comparison, {escaped(name)}: {figure(metric, evaluation.baseline)}."
    )
    others = {n: v for n, v in evaluation.others.items() if not n.startswith(BY_CLASS)}
    named = [f"{escaped(n)} {figure(n, value)}" for n, value in others.items()]
    parts = [paragraph(text)]
    if named:
        parts.append(paragraph(f"Also: {', '.join(named)}."))
    if evaluation.all_warnings:
        parts.append(listed(f"Keep in mind: {escaped(w)}." for w in evaluation.all_warnings))
    return parts


def _data(data: Mapping[str, Any]) -> list[str]:
    known = f"The data set `{data['known']}`: {escaped(data['about'])}." if data["known"] else ""
    facts = [
        known,
        f"{data['examples']:,} {data['noun']}: {data['sizes']}.",
        f"Sides: {data['division']}.",
        f"sha256 of the list of examples: `{data['sha256']}`.",
        *(f"Note: {escaped(note)}." for note in data["notes"]),
    ]
    return [listed(filter(None, facts))]


def _model(model: Mapping[str, Any]) -> str:
    body, about = model["body"], model["about"]
    epochs = f"{model['epochs']} epoch{'s' * (model['epochs'] != 1)}"
    about = f"; {escaped(about)}" if about else ""
    trained = " trained here" if body else ""
    by = f"by the engine {model['engine']} and {model['algorithm']}"
    facts = [
        f"{model['network']}, {epochs}, seed {model['seed']}{about}.",
        f"{model['parameters']:,} parameters{trained}, {by}.",
        f"The model's size: {model['bytes'] / 1e6:.2f} MB. {escaped(model['weights'])}",
    ]
    if body:
        facts.append(f"The body: {body['name']}, {body['about']}; licence {body['licence']}.")
    return listed(facts)


def _classes(facts: Mapping[str, Any], evaluation: Evaluation) -> list[str]:
    every = facts.get("classes", [])
    if not every:
        return []
    shown, parts = every, []
    if len(every) > ALL:
        order = sorted(every, key=lambda c: (c["f1"] is not None, c["f1"] or 0.0))
        order = [c for c in order if c["f1"] is not None] or order
        shown = [*order[:WORST], *order[max(WORST, len(order) - BEST) :]]
        some = f"the {min(WORST, len(order))} worst and the best by F1"
        parts.append(paragraph(f"Of {len(every):,} classes, {some}:"))
    overlap = evaluation.metric == "mean IoU"
    parts.append(_table(shown, overlap))
    confused = facts["confused"][:PAIRS]
    if confused:
        total = sum(map(sum, evaluation.confusion))
        pairs = [
            f"{escaped(c['true'])} taken for {escaped(c['answer'])}: {_count(c['times'], total)}"
            for c in confused
        ]
        parts.append(paragraph(f"Commonest mistakes: {'; '.join(pairs)}."))
    if len(every) <= MATRIX and not overlap:
        parts.append(paragraph("Of each class (a line), how often which was the answer:"))
        parts.append(_matrix(evaluation))
    return parts


def _table(classes: Sequence[Mapping[str, Any]], overlap: bool) -> str:
    """Masks are counted in pixels, and their figure is the IoU; else in examples."""
    if overlap:
        head = ["class", "train", "precision", "recall", "IoU"]
        keys = ["precision", "recall", "iou"]
    else:
        head = ["class", "train", "held out", "right", "precision", "recall", "F1"]
        keys = ["precision", "recall", "f1"]
    rows = []
    for one in classes:
        counts = [_number(one["train"])]
        if not overlap:
            counts += [_number(one["support"]), _number(one["right"])]
        shares = ["–" if one[key] is None else percent(one[key]) for key in keys]
        rows.append([one["label"], *counts, *shares])
    return table(head, rows)


def _matrix(evaluation: Evaluation) -> str:
    """Columns are headed by the classes, or by their numbers where names are too long for it."""
    names, rows = evaluation.classes, evaluation.confusion
    if sum(max(3, len(name)) + 3 for name in names) + max(map(len, names)) <= WIDTH - 4:
        return table(["class", *names], [[n, *row] for n, row in zip(names, rows, strict=True)])
    numbers = range(1, len(names) + 1)
    named = [[f"{at}: {n}", *row] for at, n, row in zip(numbers, names, rows, strict=True)]
    return table(["class", *map(str, numbers)], named)


def _licences(facts: Mapping[str, Any]) -> str:
    body, data = facts["model"]["body"], facts["data"]
    named = [f"Of the data: {escaped(data['licence'])}."]
    if body:
        named.append(f"Of the body {body['name']}: {body['licence']}.")
    named.append("Of the code in the file, which is learnt's: Apache-2.0.")
    return listed(named)


def _retrain(facts: Mapping[str, Any]) -> list[str]:
    again, versions = facts["retrain"], facts["versions"]
    made = ", ".join(f"{name} {version}" for name, version in versions.items())
    same = "The same examples and versions give the same program"
    said = f"{same}, but {again['note']}" if again["note"] else same
    fence = "`" * max(3, _longest(again["command"]) + 1)
    return [
        f"{fence}{again['language']}\n{again['command']}\n{fence}",
        paragraph(f"Made with {made}. {said}."),
    ]


def _longest(text: str) -> int:
    """The longest run of backticks."""
    return max(map(len, "".join(c if c == "`" else " " for c in text).split()), default=0)


def _number(count: int | None) -> str:
    return "–" if count is None else f"{count:,}"


def _count(times: int, total: int) -> str:
    """Pixels as a share of all, examples as their number."""
    return percent(times / total) if total > 100 * PIXELS else f"{times:,}"
