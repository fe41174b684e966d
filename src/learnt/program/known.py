"""Is the code in a program file the one that a known version of `learnt` puts there?

`./pets.pyz` runs that code, so it must be, byte for byte. `known.json` says by which sha256 the
code of each version is known; the installed version's own is computed.
"""

import hashlib
import json
from collections.abc import Mapping
from importlib import resources

from learnt.program.pack import code
from learnt.version import __version__

CODE = (".py", ".html", ".css", ".js")


def code_of(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Those of a program's members that are run: by Python, or in its web page."""
    return {name: data for name, data in members.items() if name.endswith(CODE)}


def digest(members: Mapping[str, bytes]) -> str:
    """One sha256 of all the code among these members, with its names."""
    whole = hashlib.sha256()
    for name, data in sorted(code_of(members).items()):
        whole.update(f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode())
    return whole.hexdigest()


def table() -> dict[str, str]:
    """Versions by the sha256 of their code: those that were released, and the installed one."""
    text = resources.files("learnt.program").joinpath("known.json").read_text("utf-8")
    return {**json.loads(text), digest(code()): __version__}


def version_of(members: Mapping[str, bytes]) -> str | None:
    """The version of `learnt` that put this code into a program; None if none did."""
    return table().get(digest(members))


def differing(members: Mapping[str, bytes]) -> list[str]:
    """The members whose code is not the installed version's."""
    ours, theirs = code(), code_of(members)
    return sorted(name for name in theirs if ours.get(name) != theirs[name])


def main() -> None:
    """Add the installed version to known.json: a step of a release."""
    known = {**table()}
    file = resources.files("learnt.program").joinpath("known.json")
    with resources.as_file(file) as path:
        path.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
    print(f"{digest(code())} is learnt {__version__}")


if __name__ == "__main__":
    main()
