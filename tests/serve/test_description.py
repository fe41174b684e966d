"""What /openapi.json says is what holds: schemathesis makes requests by it, good and bad ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = 12  # requests of each sort that it makes for each endpoint
REPOSITORY = Path(__file__).parents[2]
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


@pytest.mark.parametrize("name", ["digits", "texts", "adult", "gestures"])
def test_schemathesis_finds_nothing(servers, name, tmp_path):
    url = f"http://127.0.0.1:{servers[name].port}/openapi.json"
    options = ["--max-examples", EXAMPLES, "--seed", 1, "--checks", "all", "--no-color",
               "--generation-deterministic"]  # fmt: skip
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [str(part) for part in (SCHEMATHESIS, "run", url, *options)],
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.serve.hooks", "PYTHONPATH": path},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "No issues found" in done.stdout
