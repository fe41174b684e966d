"""The kinds of data by name: what a run's folder and the command line call them."""

from importlib import import_module
from typing import Any

from learnt.data.source import Source
from learnt.errors import UsageError

KINDS = {  # the name, the file and the class
    "masks": ("learnt.data.masks", "Masks"),  # before images, which they are made of
    "images": ("learnt.data.images", "Images"),
    "sounds": ("learnt.data.sounds", "Sounds"),
    "series": ("learnt.data.series", "Series"),
    "corpus": ("learnt.data.corpus", "Corpus"),
    "texts": ("learnt.data.texts", "Texts"),
    "ratings": ("learnt.data.ratings", "Ratings"),
    "table": ("learnt.data.tables", "Table"),
}


TASKS = {  # what else may be asked for by name: the kind, and its options
    "image-classification": ("images", {"task": "image-classification"}),
    "image-labels": ("images", {"task": "image-labels"}),
    "image-number": ("images", {"task": "image-number"}),
    "table-classification": ("table", {"predict": "classes"}),
    "table-regression": ("table", {"predict": "number"}),
}


def options_of(name: str | None) -> dict[str, Any]:
    """The options that a kind's or task's name stands for."""
    return dict(TASKS[name][1]) if name in TASKS else {}


def kind_of_data(name: str) -> type[Source]:
    """The class of a kind, or of a task's data, by its name; UsageError lists the known ones."""
    name = TASKS[name][0] if name in TASKS else name
    if name not in KINDS:
        raise UsageError(f"the kind of data must be one of {', '.join(KINDS)}; got {name!r}")
    module, cls = KINDS[name]
    found: Any = getattr(import_module(module), cls)
    return found  # type: ignore[no-any-return]
