"""Run verbs of the command line on many files, within limits of memory; prints what happened.

    python -m tests.hostile.child < JOB      a JSON list of [file, [arguments…]]

A line of JSON a job: exit code, stdout, stderr, seconds. The limits are this process's own, so
what breaks them ends it, and the test with it.
"""

import contextlib
import io
import json
import resource
import sys
import time
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
        begun = time.process_time()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code: object = learnt(arguments)
            except BaseException as error:
                code = repr(error)
        seconds = time.process_time() - begun
        peak = highest()
        print(json.dumps([code, out.getvalue(), err.getvalue(), seconds, peak]), flush=True)


if __name__ == "__main__":
    main()
