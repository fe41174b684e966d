"""Program files that are no honest zip: each one line of what it tries."""

import json
import random
import struct
import zlib
from collections.abc import Iterator

from tests.hostile.zips import SHEBANG, Member, built, deflated, hashed, listed

Case = tuple[str, bytes]
EVIL = b"import os; os.abort()\n"
NAMES = {
    "goes up": "../evil.py", "goes up within": "learnt/../../evil.py", "is absolute": "/evil.py",
    "has backslashes": "..\\evil.py", "has a drive": "C:\\evil.py", "has a null": "card.md\0.py",
    "is a device": "CON", "is a device with an ending": "learnt/runner/nul.py.",
    "is a folder": "learnt/runner/", "is empty": "", "is a dot": ".", "has a new line": "card.md\n",
    "has another case": "CARD.MD", "has another case of code": "learnt/runner/Main.py",
    "is another form of a letter": "learnt/runner/ma\u0131n.py",
    "is a decomposed letter": "learnt/runner/e\u0301.py",
    "is a full-width letter": "\uff4codel.onnx", "turns its letters": "card\u202e.md",
    "is a pickle": "weights.pkl", "is a pickle of assets": "assets/model.pickle",
    "is compiled code": "__main__.pyc", "is compiled code of a package": "learnt/__init__.pyc",
    "hides a library": "numpy.py", "hides a package": "numpy/__init__.py",
    "is a library": "learnt/runner/fast.so", "is a path file": "evil.pth",
    "hides a module by a package": "learnt/runner/main/__init__.py",
    "is other files' numbers": "model.onnx.data", "is very long": "a" * 60_000,
    "begins with a space": " card.md", "is a stream": "card.md:stream", "is code of web": "x.wasm",
}  # fmt: skip


def archives(members: dict[str, bytes]) -> Iterator[Case]:
    """All of them, made of the members of a good program."""
    yield from _names(members)
    yield from _fields(members)
    yield from _differing(members)
    yield from _ends(members)
    yield from _bombs(members)
    yield from _manifests(members)


def _names(members: dict[str, bytes]) -> Iterator[Case]:
    for what, name in NAMES.items():
        more = Member(name.encode(), EVIL)
        new = hashed({**members, name: EVIL})
        good = [Member(n.encode(), d) for n, d in new.items() if n != name]
        yield f"a member's name {what}", built([*good, more])
    latin = Member(b"learnt/runner/\xff.py", EVIL)
    yield "a name that is no UTF-8", built([*listed(members), latin])
    again = Member(b"card.md", b"another card")
    yield "a member twice", built([*listed(members), again])
    yield "a member twice, the first of them bad", built([again, *listed(members)])
    extra = "__main__.py"
    yield "code twice", built([*listed(members), Member(extra.encode(), EVIL)])


def changed(members: dict[str, bytes], name: str, **fields: object) -> list[Member]:
    """The members, of which one says something else."""
    found = listed(members)
    at = list(members).index(name)
    found[at] = Member(name.encode(), members[name], **fields)  # type: ignore[arg-type]
    return found


def _fields(members: dict[str, bytes]) -> Iterator[Case]:
    def both(**fields: int) -> bytes:
        return built(changed(members, "card.md", local=fields, central=fields))

    yield "an encrypted member", both(flags=1)
    yield "strong encryption", both(flags=0x41)
    yield "a hidden header", both(flags=0x2000)
    yield "a name said to be UTF-8", both(flags=0x800)
    yield "sizes that come later", built(
        changed(
            members, "card.md", local={"flags": 8, "crc": 0, "packed": 0, "size": 0},
            central={"flags": 8},
            after=struct.pack("<4sIII", b"PK\7\x08", zlib.crc32(members["card.md"]),
                              len(deflated(members["card.md"])), len(members["card.md"])),
        )
    )  # fmt: skip
    for method, name in ((12, "bzip2"), (14, "LZMA"), (93, "Zstandard"), (99, "AES"), (1, "1")):
        yield f"packed by {name}", both(method=method)
    link = {"outer": 0o120777 << 16}
    yield "a symbolic link", built(changed(members, "card.md", central=link))
    for mode, name in ((0o040755, "folder"), (0o020666, "device"), (0o010644, "pipe")):
        yield f"a {name}", built(changed(members, "card.md", central={"outer": mode << 16}))
    yield "attributes of DOS", built(changed(members, "card.md", central={"outer": 0x10}))
    for key, value in (("size", 10), ("packed", 10), ("crc", 7), ("size", 2**32 - 1),
                       ("packed", 2**32 - 1), ("letters", 3), ("extra", 5)):  # fmt: skip
        yield f"both say {value} for {key}", both(**{key: value})
        alone = {key: value}
        yield f"the header says {value} for {key}", built(changed(members, "card.md", local=alone))
        yield (
            f"the directory says {value} for {key}",
            built(changed(members, "card.md", central=alone)),
        )
    yield "a disk of its own", built(changed(members, "card.md", central={"disk": 1}))
    yield "a version that is needed", both(needed=90)
    yield "a comment of a member", built(changed(members, "card.md", comment=b"hello"))
    yield "extra fields", built(changed(members, "card.md", extra=b"\x99\x99\4\0abcd"))
    yield (
        "extra fields in the directory",
        built(changed(members, "card.md", central_extra=b"\x99\x99\4\0abcd")),
    )
    unicode_name = struct.pack("<HHBI", 0x7075, 5 + 8, 1, zlib.crc32(b"card.md")) + b"evil.exe"
    yield (
        "another name in an extra field",
        built(changed(members, "card.md", extra=unicode_name, central_extra=unicode_name)),
    )
    long = struct.pack("<HHQQ", 1, 16, len(members["card.md"]), 10)
    says = {"size": 2**32 - 1, "packed": 2**32 - 1}
    yield (
        "zip64 sizes",
        built(
            changed(members, "card.md", local=says, central=says, extra=long, central_extra=long)
        ),
    )
    yield (
        "bytes behind a packed member",
        built(changed(members, "card.md", packed=deflated(members["card.md"]) + b"PK\3\4")),
    )
    yield (
        "packed bytes cut off",
        built(changed(members, "card.md", packed=deflated(members["card.md"])[:-3])),
    )
    yield "packed bytes that are none", built(changed(members, "card.md", packed=b"\xff" * 40))


def _differing(members: dict[str, bytes]) -> Iterator[Case]:
    """What one reader would see and another not."""
    main = "__main__.py"
    evil = deflated(EVIL)
    yield "the header has another name", built(changed(members, main, local_name=b"card2.md"))
    yield (
        "a member that only stands in the file",
        built([Member(b"__main__.py", EVIL, listed=False), *listed(members)]),
    )
    first = [Member(b"learnt/runner/main.py", EVIL, listed=False), *listed(members)]
    yield "hidden code first", built(first)
    pointing = changed(members, main, after=b"")
    hidden = Member(b"__main__.py", EVIL, listed=False)
    pointing[list(members).index(main)].central = {
        "offset": len(SHEBANG), "packed": len(evil), "size": len(EVIL), "crc": zlib.crc32(EVIL)
    }  # fmt: skip
    yield "an entry that points elsewhere", built([hidden, *pointing])
    both = changed(members, main)
    both[-1].central = {"offset": len(SHEBANG)}
    yield "two entries for one place", built(both)
    yield "members that overlap", built(changed(members, main, central={"packed": 2000}))
    yield "a gap between members", built(changed(members, main, after=b"\0" * 7))
    yield (
        "a member's length is longer than the file",
        built(changed(members, main, central={"packed": 2**31}, local={"packed": 2**31})),
    )
    yield "members in another order than the directory", _reordered(members)
    good, bad = built(listed(members)), built([Member(b"__main__.py", EVIL)])
    yield "a zip before it", SHEBANG + bad + good
    yield "a zip behind it", good + bad
    yield "a program within a program's first line", good[:-22] + bad[len(SHEBANG) :] + good[-22:]
    yield "the same with the offsets made right", built(listed(members), prefix=SHEBANG + bad)
    yield (
        "code stored and said to be packed",
        built(
            changed(members, main, packed=members[main], local={"method": 8}, central={"method": 8})
        ),
    )
    yield (
        "hidden code behind the last member",
        built(listed(members), before=built([Member(b"__main__.py", EVIL)])),
    )
    yield "a directory of two parts", built(listed(members), after=b"PK\5\5\2\0ab")


def _reordered(members: dict[str, bytes]) -> bytes:
    data = built(listed(members))
    begin = struct.unpack_from("<I", data, len(data) - 6)[0]
    size = struct.unpack_from("<I", data, len(data) - 10)[0]
    directory, entries = data[begin : begin + size], []
    while directory:
        length = 46 + struct.unpack_from("<H", directory, 28)[0]
        entries.append(directory[:length])
        directory = directory[length:]
    return data[:begin] + b"".join(reversed(entries)) + data[begin + size :]


def _ends(members: dict[str, bytes]) -> Iterator[Case]:
    good = listed(members)
    bad = built([Member(b"__main__.py", EVIL)], prefix=b"")
    yield "a comment", built(good, comment=b"hello")
    yield "an end within the comment", built(good, comment=bad[-22:])
    yield "a whole zip within the comment", built(good, comment=bad)
    yield "two ends", built(good) + built(good)[-22:]
    yield "bytes behind the end", built(good) + b"\0"
    yield "a script behind the end", built(good) + b"\nimport os\n"
    yield "no first line", built(good, prefix=b"")
    yield "another first line", built(good, prefix=b"#!/bin/sh -c evil\n")
    yield "a script before it", built(good, prefix=SHEBANG + b"import os; os.abort()\n")
    yield "a shell's script before it", built(good, prefix=b"#!/bin/sh\nrm -rf x; exit\n")
    yield "a program for Windows before it", built(good, prefix=b"MZ" + bytes(200))
    yield "a picture before it", built(good, prefix=b"\x89PNG\r\n\x1a\n" + bytes(50))
    yield "a PDF before it", built(good, prefix=b"%PDF-1.7\n")
    yield "offsets that are not from the beginning", SHEBANG + built(good, prefix=b"")
    for key, value in (("count", 1), ("count", 65535), ("here", 3), ("disk", 1), ("where", 1),
                       ("length", 100), ("length", 2**32 - 1), ("offset", 0), ("comment", 1),
                       ("offset", 2**32 - 1), ("offset", 23), ("count", 0)):  # fmt: skip
        yield f"the end says {value} for {key}", built(good, end={key: value})
    more = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, 10, 23)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(built(good)) - 22, 1)
    yield "a zip64 end that says otherwise", built(good, after=more + locator)
    yield "a zip64 locator alone", built(good, after=locator)
    yield (
        "a zip64 end and numbers that ask for it",
        built(
            good,
            after=more + locator,
            end={"count": 65535, "here": 65535, "length": 2**32 - 1, "offset": 2**32 - 1},
        ),
    )
    yield "no members at all", built([])
    yield (
        "many members",
        built([*good, *(Member(b"selftest/input_%d.png" % n, b"") for n in range(999))]),
    )
    yield "60,000 members", built([Member(b"a%d" % n, b"") for n in range(60_000)])
    yield "an empty file", b""
    yield "a first line alone", SHEBANG
    yield "an end alone", SHEBANG + built([], prefix=b"")[:22] + b"\0"
    yield "zeros", bytes(5000)
    yield "noise", random.Random(0).randbytes(100_000)
    yield "a script", SHEBANG + b"print('hello')\n"


def _bombs(members: dict[str, bytes]) -> Iterator[Case]:
    zeros = bytes(40 * 2**20)
    for name in ("model.onnx", "card.md", "manifest.json", "selftest/input_0.png"):
        yield f"a bomb as {name}", built(listed(hashed({**members, name: zeros})
                                                if name != "manifest.json"
                                                else {**members, name: zeros}))  # fmt: skip
    lying = changed({**members, "card.md": zeros}, "card.md")
    lying[list(members).index("card.md")].central = {"size": 100}
    lying[list(members).index("card.md")].local = {"size": 100}
    yield "a bomb that says it is small", built(lying)
    nested = built([Member(b"a.zip", built([Member(b"b.zip", zeros)], prefix=b""))], prefix=b"")
    yield "a bomb within a bomb as a card", built(listed({**members, "card.md": nested}))
    half = bytes(2**15) + random.Random(0).randbytes(2**8)
    picture = half * (31 * 2**20 // len(half))
    many = {f"selftest/input_{n}.png": picture for n in range(10, 16)}
    yield "members that are large together", built(listed(hashed({**members, **many})))
    shared = [Member(b"selftest/input_%d.png" % n, b"", central={"offset": 23}) for n in range(150)]
    yield "150 entries for one member", built([*listed(members), *shared])


def _manifests(members: dict[str, bytes]) -> Iterator[Case]:
    known = json.loads(members["manifest.json"])
    texts = {
        "is empty": b"", "is no JSON": b"{", "is a list": b"[]", "is no UTF-8": b'{"a":"\xff"}',
        "is UTF-16": json.dumps(known).encode("utf-16"), "is nested": b"[" * 10**5 + b"]" * 10**5,
        "is nested objects": b'{"a":' * 10**5 + b"1" + b"}" * 10**5, "is a pickle": b"\x80\4N.",
        "has 1e400": json.dumps({**known, "x": 1}).replace('"x": 1', '"x": 1e400').encode(),
        "has NaN": json.dumps({**known, "x": float("nan")}).encode(),
        "has Infinity": json.dumps({**known, "x": float("inf")}).encode(),
        "has a number of 10,000 digits": b'{"format": ' + b"9" * 10_000 + b"}",
    }  # fmt: skip
    for what, text in texts.items():
        yield f"a manifest that {what}", built(listed({**members, "manifest.json": text}))
    hashes = known["sha256"]
    lies = {
        "a hash that lies": {**hashes, "model.onnx": "0" * 64},
        "a hash in capitals": {**hashes, "model.onnx": hashes["model.onnx"].upper()},
        "a hash too many": {**hashes, "learnt/runner/evil.py": "0" * 64},
        "a hash too few": {k: v for k, v in hashes.items() if k != "card.md"},
        "no hashes": {}, "hashes that are a list": list(hashes), "a hash that is null":
        {**hashes, "model.onnx": None}, "hashes of another kind": "sha256",
    }  # fmt: skip
    for what, lie in lies.items():
        text = json.dumps({**known, "sha256": lie}).encode()
        yield what, built(listed({**members, "manifest.json": text}))
    for name in ("__main__.py", "learnt/runner/main.py", "model.onnx", "card.md"):
        yield f"{name} that was changed", built(listed({**members, name: members[name] + b"\n"}))
    for name in ("model.onnx", "card.md", "manifest.json"):
        yield f"no {name}", built(listed({k: v for k, v in members.items() if k != name}))
    for task in ("", "x", None, 7, ["ratings"], {"a": 1}):
        yield f"the task {task!r}", built(listed(hashed(members, task=task)))
    for number in (0, 2, -1, "1", 1.0, True, None, [1], 10**30):
        yield f"the format {number!r}", built(listed(hashed(members, format=number)))
