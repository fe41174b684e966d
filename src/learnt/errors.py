"""Every error a user can meet, in one hierarchy.

    LearntError                   something the user can mend (exit code 2)
    ├── UsageError                an option or argument that cannot be
    ├── DataError                 the examples: none, too few, too many bad ones
    │   ├── ImageError            one file that is not a usable picture
    │   ├── SoundError            one file that is not a usable sound
    │   └── TableError            a CSV with a missing file, column or label
    ├── ProgramError              a program file that is not whole, or not safe
    ├── MismatchError             a program that does not answer as its Learner does
    ├── ResumeError               a run that cannot go on
    ├── FetchError                a data set or body that could not be brought
    ├── OutputError               a result that could not be written
    ├── Interrupted               training stopped with Ctrl-C; all is saved (exit code 130)
    └── MissingDependencyError    a library that is not installed (exit code 3)

A message says what must hold, what came, and what to do. This file also travels inside every
program, so it imports only from the standard library.
"""

import os
import sys


class LearntError(Exception):
    """Something the user can mend; shown as one message, without a traceback."""

    exit_code = 2


class UsageError(LearntError):
    """An option or argument that cannot be."""


class DataError(LearntError):
    """The examples cannot be used as they are."""


class ImageError(DataError):
    """A file that is not a usable picture."""


class SoundError(DataError):
    """A file that is not a usable sound."""


class TableError(DataError):
    """A table with a missing file, column or label."""


class ProgramError(LearntError):
    """A program file that is not whole, or not safe."""


class MismatchError(LearntError):
    """A program that does not answer as the Learner it came from."""


class ResumeError(LearntError):
    """A run that cannot go on."""


class FetchError(LearntError):
    """A data set or body that could not be brought."""


class OutputError(LearntError):
    """A result that could not be written."""


class Interrupted(LearntError):  # noqa: N818 - it is not an error, but the user's wish
    """Training was stopped with Ctrl-C; everything is saved, and the message says how to go on."""

    exit_code = 130


class MissingDependencyError(LearntError):
    """A library that is not installed; the message is the line that installs it."""

    exit_code = 3

    def __init__(self, *packages: str) -> None:
        install = f"{_python()} -m pip install {' '.join(packages)}"
        super().__init__(f"{' and '.join(packages)} must be installed: {install}")


def _python() -> str:
    """How this very interpreter is called: python3, where that is the one a shell would find."""
    from shutil import which

    own, found = sys.executable or "python3", which("python3") or ""
    same = os.path.realpath(own) == os.path.realpath(found)  # which looks through environments
    if same and os.path.dirname(own) == os.path.dirname(found):
        return "python3"
    return f'"{own}"' if " " in own else own
