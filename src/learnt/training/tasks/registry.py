"""Which task does which data: the one table of all kinds of jobs."""

from importlib import import_module
from typing import Any

from learnt.data.source import Source
from learnt.training.tasks.task import Task

TASKS = {  # by the name in manifests: the kind of data, the file, the class
    "image-classification": ("images", "learnt.training.tasks.pictures", "Pictures"),
    "text-classification": ("texts", "learnt.training.tasks.texts", "TextClasses"),
    "language-model": ("corpus", "learnt.training.tasks.language", "Language"),
    "ratings": ("ratings", "learnt.training.tasks.ratings", "RatingsTask"),
    "sound-classification": ("sounds", "learnt.training.tasks.sounds", "SoundClasses"),
    "series-classification": ("series", "learnt.training.tasks.series", "SeriesClasses"),
    "image-labels": ("images", "learnt.training.tasks.picture_answers", "PictureLabels"),
    "image-number": ("images", "learnt.training.tasks.picture_answers", "PictureNumber"),
    "segmentation": ("masks", "learnt.training.tasks.masks", "Segmentation"),
    "table-classification": ("table", "learnt.training.tasks.tables", "RowClasses"),
    "table-regression": ("table", "learnt.training.tasks.tables", "RowNumbers"),
}


def task_of(data: Source, seed: int = 0) -> Task[Any]:
    """The task that learns from this data; `seed` decides what it draws at random."""
    name = getattr(data, "task", None) or next(n for n, t in TASKS.items() if t[0] == data.kind)
    return task_class(name)(data, seed)


def task_class(name: str) -> type[Task[Any]]:
    """A task's class by its name, which a checked manifest holds."""
    _, module, cls = TASKS[name]
    found: type[Task[Any]] = getattr(import_module(module), cls)
    return found
