"""The command line of a program file: `./pets.pyz cat.jpg dog.jpg`.

Heavy libraries are imported where they are used, so that `--help` and `--info` are quick and a
missing one is reported with the line that installs it.
"""

import argparse
import importlib.util
import io
import json
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from learnt.errors import ImageError, LearntError, MissingDependencyError
from learnt.runner.text import percent, shown

if TYPE_CHECKING:
    from learnt.runner.program import Program

NEEDED = {"numpy": "numpy", "onnxruntime": "onnxruntime", "PIL": "pillow"}
HELP = "Classifies pictures. This program was learnt from examples, not written."


def main() -> int:
    """Run the program file that this interpreter was started with; returns the exit code."""
    arguments = _parser().parse_args()
    try:
        missing = [NEEDED[name] for name in NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise MissingDependencyError(*missing)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # labels may hold what it cannot show
                stream.reconfigure(errors="backslashreplace")
        code = _act(arguments)
        sys.stdout.flush()
        return code
    except LearntError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return nobody_reads()
    except KeyboardInterrupt:
        return 130


def nobody_reads() -> int:
    """The reader of our output, such as `head`, has had enough: no error. Gives exit code 0."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left to flush
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=HELP, epilog="example: %(prog)s cat.jpg dog.jpg")
    parser.add_argument(
        "pictures", nargs="*", metavar="PICTURE", help="a file; - is standard input"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--info", action="store_true", help="what this program is, and how good")
    parser.add_argument("--selftest", action="store_true", help="does it answer as when trained?")
    parser.add_argument("--onnx", metavar="OUT", help="write the model as a plain ONNX file")
    return parser


def _act(arguments: argparse.Namespace) -> int:
    from learnt.runner.files import write_atomically
    from learnt.runner.program import load

    program = load(sys.argv[0])
    if arguments.info:
        print(json.dumps(program.manifest) if arguments.json else program.card.rstrip())
    if arguments.onnx:
        write_atomically(arguments.onnx, program.onnx)
        print(f"wrote {shown(arguments.onnx)}", file=sys.stderr)
    if arguments.selftest:
        return selftest(program)
    if arguments.pictures:
        return answer(program, arguments.pictures, arguments.json)
    if not (arguments.info or arguments.onnx):
        _parser().print_usage(sys.stderr)
        return 2
    return 0


def selftest(program: "Program") -> int:
    """Print whether the program still answers as it did when trained; exit code 1 if not."""
    differing = program.selftest()
    for line in differing:
        print(f"error: {line}", file=sys.stderr)
    if not differing:
        print(f"ok: {program.selftests} inputs, the same answers as when trained")
    return 1 if differing else 0


def answer(program: "Program", inputs: Iterable[str], as_json: bool) -> int:
    """Print one line an input; what cannot be read is named on stderr, and gives exit code 2."""
    code = 0
    for name in inputs:
        try:
            result = program(sys.stdin.buffer.read(32 * 2**20 + 1) if name == "-" else name)
        except ImageError as error:
            code = error.exit_code
            if as_json:
                print(json.dumps({"input": name, "error": str(error)}), flush=True)
            print(f"error: {error}", file=sys.stderr)
            continue
        if as_json:
            line = {
                "input": name,
                "label": result.label,
                "probability": round(result.probability, 6),
                "probabilities": {k: round(p, 6) for k, p in result.probabilities.items()},
            }
            print(json.dumps(line), flush=True)
        else:
            print(
                f"{shown(name)}: {shown(result.label)} ({percent(result.probability)})", flush=True
            )
    return code
