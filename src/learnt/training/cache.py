"""Features that were computed once: a table on disk, by the sha256 of what they were made of."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from learnt.errors import OutputError
from learnt.storage import cache_folder

MARKS = 500  # values in one question to the database; it takes 999 and more


class FeatureCache:
    """The cached features of one body and one way to prepare its inputs."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def known(self, digests: Sequence[str], size: int) -> dict[str, bytes]:
        """The rows, of `size` bytes each, that are there."""
        found = dict[str, bytes]()
        for at in range(0, len(digests), MARKS):
            part = digests[at : at + MARKS]
            marks = ", ".join("?" * len(part))
            query = f"SELECT digest, numbers FROM features WHERE digest IN ({marks})"  # noqa: S608 - marks
            rows = self.connection.execute(query, part)
            found.update({digest: row for digest, row in rows if len(row) == size})
        return found

    def keep(self, rows: dict[str, bytes]) -> None:
        """Add rows, by digest."""
        if rows:
            self.connection.executemany(
                "INSERT OR REPLACE INTO features VALUES (?, ?)", list(rows.items())
            )
            self.connection.commit()


def cache_file(facts: dict[str, Any]) -> Path:
    """Where the features that depend on `facts` are."""
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    return cache_folder("features") / f"{key}.sqlite"


@contextmanager
def feature_cache(facts: dict[str, Any]) -> Iterator[FeatureCache]:
    """The cache of features that depend on `facts`; OutputError where it cannot be used."""
    path = cache_file(facts)
    try:
        with closing(_opened(path)) as connection:
            yield FeatureCache(connection)
    except sqlite3.Error as error:
        raise OutputError(
            f"the cache of features {path} cannot be used: {error}. Is the disk full? "
            "The file may be deleted; it will be made anew"
        ) from None


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS features (digest TEXT PRIMARY KEY, numbers BLOB NOT NULL)"
        )
        return connection
    except sqlite3.DatabaseError as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError):
            raise
    for ending in ("", "-wal", "-shm"):  # no database any more, and all of it can be made again
        Path(f"{path}{ending}").unlink(missing_ok=True)
    return _opened(path)
