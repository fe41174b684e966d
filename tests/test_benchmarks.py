"""What benchmarks print where something is missing; what they measure is not tested."""

import os
import subprocess
import sys

from tests.kept import OLD


def test_a_workload_that_cannot_run_is_a_row_that_says_why(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "serving"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=OLD.parents[2],
        env={**os.environ, "PATH": str(tmp_path)},
    )  # fmt: skip
    head, _, row = done.stdout.splitlines()
    assert head.startswith("| workload | learnt | peer |")
    assert row.startswith("| serving | not run: wrk must be installed: apt-get install wrk |")
