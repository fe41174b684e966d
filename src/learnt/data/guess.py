"""Which kind of data is this? Each kind is asked whether it recognises the source, in turn."""

import os
from typing import Any

from learnt.data.kinds import KINDS, kind_of_data, options_of
from learnt.data.look import Look
from learnt.data.source import Source
from learnt.errors import DataError, UsageError
from learnt.runner.text import shown

HELP = (
    "give a folder with one folder a class (pictures, texts, sounds), a table (CSV, Parquet), or "
    "text files"
)


def guess(source: Any, kind: str | None = None, **columns: Any) -> tuple[type[Source], str]:
    """The kind of data that a source is, and why, in words.

    `kind` names one instead; `columns` are the options that were given, None for the others.
    Raises DataError where the source does not exist or is of no kind, UsageError where the
    options are not those of its kind.
    """
    given = {name: value for name, value in columns.items() if value is not None}
    look = Look(source, given)
    if look.path is not None and not os.path.exists(look.path):  # which never raises
        raise DataError(f"{shown(look.path)} does not exist: {HELP}")
    if look.path is not None and not (look.is_folder or os.path.isfile(look.path)):
        raise DataError(  # it is read several times, which a pipe cannot be
            f"{shown(look.path)} is neither a folder nor an ordinary file: save what it gives first"
        )
    if kind is not None:
        return _checked(kind_of_data(kind), given), "you said so"
    for name in KINDS:
        found = kind_of_data(name)
        why = found.recognise(look)
        if why is not None:
            return _checked(found, given), why
    what = f"{shown(look.path)} holds " if look.path else "the source holds "
    some = ", ".join(ending or "files without an ending" for ending in list(look.endings)[:5])
    raise DataError(f"{what}no examples of a known kind{f' ({some})' if some else ''}: {HELP}")


def _checked(kind: type[Source], given: dict[str, Any]) -> type[Source]:
    """The kind, if every option that was given is one that it takes."""
    for name in given:
        if name not in kind.takes:
            raise UsageError(
                f"--{name} says nothing about {kind.kind}; its options are "
                f"{', '.join(f'--{option}' for option in kind.takes)}, and --task names another "
                f"kind ({', '.join(KINDS)})"
            )
    return kind


def open_data(
    source: Any, kind: str | None = None, seed: int = 0, **columns: Any
) -> tuple[Source, str]:
    """The data at a source, of the kind that it is; and why it is that kind."""
    found, why = guess(source, kind, **columns)
    given = {name: value for name, value in columns.items() if value is not None}
    return found(source, seed=seed, **given, **options_of(kind)), why
