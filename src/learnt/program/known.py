"""Is the code in a program file the one that a known version of `learnt` puts there?

`./pets.pyz` runs that code, so it must be, byte for byte. `known.json` holds the sha256 of the code
of each version, one a version; that of the code that is installed is also computed.
"""

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable

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
    """Versions by the sha256 of their code: those written down, and the installed one."""
    known = {sha256: version for version, sha256 in written().items()}
    return {**known, digest(code()): __version__}


def written() -> dict[str, str]:
    """What known.json says: the sha256 of each version's code."""
    found: dict[str, str] = json.loads(_file().read_text("utf-8"))
    return found


def _file() -> Traversable:
    return resources.files("learnt.program").joinpath("known.json")


def version_of(members: Mapping[str, bytes]) -> str | None:
    """The version of `learnt` that put this code into a program; None if none did."""
    return table().get(digest(members))


def differing(members: Mapping[str, bytes]) -> list[str]:
    """The members whose code is not the installed version's."""
    ours, theirs = code(), code_of(members)
    return sorted(name for name in theirs if ours.get(name) != theirs[name])


def main() -> None:
    """Write the code that is installed into known.json, in the place of this version's earlier."""
    known = {**written(), __version__: digest(code())}
    with resources.as_file(_file()) as path:
        path.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
    print(f"{digest(code())} is learnt {__version__}")


if __name__ == "__main__":
    main()
