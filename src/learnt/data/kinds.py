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


def kind_of_data(name: str) -> type[Source]:
    """The class of a kind by its name; UsageError lists the known ones."""
    if name not in KINDS:
        raise UsageError(f"the kind of data must be one of {', '.join(KINDS)}; got {name!r}")
    module, cls = KINDS[name]
    found: Any = getattr(import_module(module), cls)
    return found  # type: ignore[no-any-return]
