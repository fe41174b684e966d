"""The command line of a program file: `./pets.pyz cat.jpg dog.jpg`.

Heavy libraries are imported where they are used, and what is missing is reported with the line
that installs it. What a program takes depends on its kind: its class adds those arguments.
"""

import argparse
import importlib.util
import io
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from learnt.errors import LearntError, MissingDependencyError
from learnt.runner.archive import KINDS, Archive, read_archive
from learnt.runner.background import begin
from learnt.runner.text import harmless, shown
from learnt.runner.watch import may_end_process

if TYPE_CHECKING:
    from learnt.runner.program import Program

QUICK = ("--info", "--help", "-h", "--onnx", "--page")  # what needs no graph to be run
MODULES = {"pillow": "PIL"}  # by what pip calls them, where that differs


def main() -> int:
    """Run the program file that this interpreter was started with; returns the exit code."""
    may_end_process()
    try:
        code = run(sys.argv[0], sys.argv[1:])
        sys.stdout.flush()
        return code
    except LearntError as error:
        print(f"error: {harmless(str(error))}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return nobody_reads()
    except KeyboardInterrupt:
        return 130


def run(path: str | os.PathLike[str], arguments: Sequence[str], name: str | None = None) -> int:
    """Run a program file, as data, with the arguments of its command line; gives the exit code.

    `name` is what its `--help` calls it.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # labels may hold what it cannot show
            stream.reconfigure(errors="backslashreplace")
    reading = begin(lambda: read_archive(path))  # hashing lets other threads work
    with suppress(ImportError):
        importlib.import_module("onnxruntime")
    archive = reading.result()
    _check_installed(archive)
    from learnt.runner.session import Session

    # The session is made in a thread of its own, while the rest is imported and read.
    quick = not arguments or any(argument.split("=")[0] in QUICK for argument in arguments)
    session = None if quick else Session(archive.members["model.onnx"])
    from learnt.runner.program import program_of

    program = program_of(archive, session)
    parser = _parser(program, name)
    given = parser.parse_args(arguments)
    _check_places(path, given)
    return _act(program, parser, given)


def nobody_reads() -> int:
    """The reader of our output, such as `head`, has had enough: no error. Gives exit code 0."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left to flush
    return 0


def _check_installed(archive: Archive) -> None:
    needed = ("numpy", "onnxruntime", *KINDS[archive.manifest["input"]["kind"]].needs)
    missing = [p for p in needed if importlib.util.find_spec(MODULES.get(p, p)) is None]
    if missing:
        raise MissingDependencyError(*missing)


def _parser(program: "Program", name: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=name, description=program.about, epilog=f"example: %(prog)s {program.example}"
    )
    program.arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--info", action="store_true", help="what this program is, and how good")
    parser.add_argument("--selftest", action="store_true", help="does it answer as when trained?")
    parser.add_argument("--onnx", metavar="OUT", help="write the model as a plain ONNX file")
    parser.add_argument("--page", metavar="OUT", help="write a web page that runs it, offline")
    parser.add_argument("--serve", metavar="PORT", type=int, help="answer over HTTP, locally")
    return parser


def _check_places(program: str | os.PathLike[str], arguments: argparse.Namespace) -> None:
    """Nothing that is read is written over; UsageError if it would be."""
    from learnt.runner.files import check_unread

    inputs = [("an input", name) for name in getattr(arguments, "inputs", [])]
    for option in ("onnx", "page", "out", "overlay"):
        place = getattr(arguments, option, None)
        if place is not None:
            check_unread(place, [("the program", program), *inputs])


def _act(program: "Program", parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    from learnt.runner.files import write_atomically

    if arguments.info:
        print(json.dumps(program.manifest) if arguments.json else program.card.rstrip())
    if arguments.onnx:
        from learnt.runner.onnx_file import onnx_file

        write_atomically(arguments.onnx, onnx_file(program))
        print(f"wrote {shown(arguments.onnx)}", file=sys.stderr)
    if arguments.page:
        from learnt.runner.page import write_page

        print(f"wrote {shown(write_page(program, arguments.page))}", file=sys.stderr)
    if arguments.serve is not None:
        from learnt.runner.serve import serve

        return serve(program, port=arguments.serve, as_json=arguments.json)
    if arguments.selftest:
        return selftest(program)
    if program.wanted(arguments):
        return program.answer(arguments)
    if not (arguments.info or arguments.onnx or arguments.page):
        parser.print_usage(sys.stderr)
        return 2
    return 0


def selftest(program: "Program") -> int:
    """Print whether the program still answers as it did when trained; exit code 2 if not."""
    differing = program.selftest()
    for line in differing:
        print(f"error: {line}", file=sys.stderr)
    if not differing:
        print(f"ok: {program.selftests} inputs, the same answers as when trained")
    return 2 if differing else 0
