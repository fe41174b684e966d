"""What tests need of the machine: without it they are passed over, or fail where CI is set."""

import os
import shutil

import pytest

INSTALL = "apt-get install --no-install-recommends chromium npm"


def needs(*commands: str) -> None:
    """The test that asks goes on only where all these commands are."""
    missing = [command for command in commands if shutil.which(command) is None]
    if not missing:
        return
    why = f"needs {' and '.join(missing)}; on Debian: {INSTALL}"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)
