"""The programs that earlier versions wrote, and that are kept: a small one of every kind."""

import json
from pathlib import Path

OLD = Path(__file__).parent / "program" / "old"  # a folder a version
PROGRAMS = OLD / "0.1.0" / "programs.tar.xz"
NAMES = sorted(json.loads((OLD / "0.1.0" / "answers.json").read_text("utf-8")))
