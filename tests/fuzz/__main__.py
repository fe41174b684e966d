"""Fuzzing by coverage: `python -m tests.fuzz READER SECONDS`; without a name, each in turn.

A byte sequence that a reader neither takes nor refuses is written to `fuzz-READER-…`, here.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None

SECONDS = 60


def one(name: str, seconds: int) -> None:
    """Fuzz one reader; the process ends with it."""
    with atheris.instrument_imports(include=["learnt"]):
        from tests.fuzz.readers import READERS, read, seeds

    if name not in READERS:
        sys.exit(f"error: the reader must be one of {', '.join(READERS)}; got {name!r}")
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds(name)):
            (Path(folder) / str(number)).write_bytes(seed)
        options = [f"-max_total_time={seconds}", "-rss_limit_mb=3000", "-timeout=20",
                   f"-artifact_prefix=fuzz-{name}-", "-max_len=300000"]  # fmt: skip
        atheris.Setup([sys.argv[0], *options, folder], lambda data: read(name, data))
        atheris.Fuzz()


def main() -> None:
    """Fuzz one reader, or each in a process of its own."""
    if atheris is None:
        sys.exit("error: fuzzing needs atheris, which is for Linux and Python up to 3.12")
    if len(sys.argv) > 1:
        return one(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else SECONDS)
    from tests.fuzz.readers import READERS

    codes = {
        name: subprocess.run([sys.executable, "-m", "tests.fuzz", name], check=False).returncode
        for name in READERS
    }
    wrong = [name for name, code in codes.items() if code]
    sys.exit(f"error: found something: {', '.join(wrong)}" if wrong else 0)


if __name__ == "__main__":
    main()
