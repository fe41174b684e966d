"""`learnt`: the verbs, and what happens to errors.

What a user can mend is one message on stderr and exit code 2; a missing library is 3.
"""

import io
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from learnt.cli import bodies, compare, data, demo, info, page, run, serve, test, train, verify
from learnt.cli.output import say_error
from learnt.errors import LearntError
from learnt.runner.main import nobody_reads
from learnt.runner.watch import may_end_process
from learnt.version import __version__

STOPPED = 130  # the exit code after Ctrl-C
HELP = "Deep learning for coders: programs that are learnt, not written."

app = typer.Typer(help=HELP, add_completion=False, rich_markup_mode=None)
app.command("demo")(demo.demo)
app.command("train")(train.train)
app.command("test")(test.test_program)
app.command("compare")(compare.compare)
app.command("run", context_settings=run.SETTINGS)(run.run)
app.command("info")(info.info)
app.command("page")(page.page)
app.command("serve")(serve.serve)
app.command("verify")(verify.verify)
app.add_typer(data.app, name="data")
app.add_typer(bodies.app, name="bodies")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"learnt {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def learnt(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", callback=_version, help="Show the version."),
) -> None:
    """Deep learning for coders: programs that are learnt, not written."""
    if context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    may_end_process()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names may hold what a terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    try:
        result = app(args=arguments, prog_name="learnt", standalone_mode=False)
        sys.stdout.flush()
        if result == STOPPED:  # what becomes of a KeyboardInterrupt in there
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except LearntError as error:
        say_error(str(error))
        return error.exit_code
    except typer.Exit as leaving:
        return leaving.exit_code
    except (KeyboardInterrupt, typer.Abort):
        say_error(
            "stopped; what was prepared so far is kept, so the same command goes on from there"
        )
        return STOPPED
    except BrokenPipeError:
        return nobody_reads()
    except TyperException as error:  # what the parser of options says of a wrong one
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "learnt"
        message = getattr(error, "format_message", error.__str__)()
        say_error(f"{message}\nSee: {path} --help")
        return 2
