"""learnt: deep learning for coders. Programs that are learnt, not written.

    data = learnt.Images("pets/")        # a folder a class
    learner = learnt.Learner(data)       # picks a model for the data
    learner.fit()
    print(learner.evaluate())            # the metric, its baseline, its interval
    program = learner.program()
    program("cat.jpg")
    program.save("pets.pyz")

The names below are brought when they are first used, so that `import learnt` itself is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from learnt.version import __version__ as __version__

if TYPE_CHECKING:
    from learnt import engine as engine
    from learnt.data.catalogue import get_data as get_data
    from learnt.data.corpus import Corpus as Corpus
    from learnt.data.images import Images as Images
    from learnt.data.masks import Masks as Masks
    from learnt.data.ratings import Ratings as Ratings
    from learnt.data.series import Series as Series
    from learnt.data.sounds import Sounds as Sounds
    from learnt.data.tables import Table as Table
    from learnt.data.texts import Texts as Texts
    from learnt.errors import LearntError as LearntError
    from learnt.runner.program import Program as Program
    from learnt.runner.program import load as load
    from learnt.runner.results import Result as Result
    from learnt.training.learner import Learner as Learner

_HOMES = {
    "Corpus": "learnt.data.corpus",
    "Images": "learnt.data.images",
    "Learner": "learnt.training.learner",
    "LearntError": "learnt.errors",
    "Masks": "learnt.data.masks",
    "Program": "learnt.runner.program",
    "Ratings": "learnt.data.ratings",
    "Result": "learnt.runner.results",
    "Series": "learnt.data.series",
    "Sounds": "learnt.data.sounds",
    "Table": "learnt.data.tables",
    "Texts": "learnt.data.texts",
    "engine": "learnt.engine",
    "get_data": "learnt.data.catalogue",
    "load": "learnt.runner.program",
}
__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 - all of them are texts


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"learnt has no {name!r}; it has {', '.join(__all__)}")
    home = import_module(_HOMES[name])
    return home if name == "engine" else getattr(home, name)


def __dir__() -> list[str]:
    return __all__
