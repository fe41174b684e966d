"""Run verbs of the command line on many files, within limits; prints what happened.

    python -m tests.hostile.child < JOB      a JSON list of [file, [arguments…]]

A line of JSON a job: exit code, stdout, stderr, the most memory so far. The limits are this
process's own, so what breaks them ends it, and the test with it.
"""

import contextlib
import io
import json
import resource
import sys
from pathlib import Path

MEMORY = 3 * 2**30  # bytes of address space, libraries and threads included
SECONDS = 120  # of computing, for all jobs together


def highest() -> int:
    """The most bytes that this process had so far (getrusage would tell of its parent, too)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def main() -> None:
    """Do what comes by standard input."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    from learnt.cli.main import main as learnt

    for arguments in json.load(sys.stdin):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code: object = learnt(arguments)
            except BaseException as error:
                code = repr(error)
        print(json.dumps([code, out.getvalue(), err.getvalue(), highest()]), flush=True)


if __name__ == "__main__":
    main()
