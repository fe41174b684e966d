"""`learnt verify`: what a program file would do, before anyone runs it."""

from pathlib import Path

import typer

from learnt.cli.output import say_error, say_json

PROGRAM = typer.Argument(help="A program file.")
SELFTEST = typer.Option(False, "--selftest", help="Also run its graph on the inputs in it.")
AS_JSON = typer.Option(False, "--json", help="Print one JSON object, and nothing else.")


def verify(program: Path = PROGRAM, selftest: bool = SELFTEST, as_json: bool = AS_JSON) -> int:
    """Say what a program is and would do; none of the code inside it is executed.

    Exit code 0: it is whole, safe as data, and its code is that of a known version of learnt, so
    that it may be run as a program, too. 2: it is not whole, or unsafe, or its code is unknown.

    Example: learnt verify pets.pyz
    """
    from learnt.program.verify import verify as report_on
    from learnt.runner.program import load

    loaded = load(program)
    report = report_on(loaded, program.stat().st_size)
    wrong = loaded.selftest() if selftest else None
    if as_json:
        more = {} if wrong is None else {"selftest": {"ok": not wrong, "differing": wrong}}
        say_json({**report.as_dict(), **more})
    else:
        print("\n".join(report.lines()))
        if wrong == []:
            print(f"selftest: {loaded.selftests} inputs, the same answers as when trained")
        for line in wrong or []:
            say_error(f"selftest: {line}")
    return 0 if report.known and not wrong else 2
