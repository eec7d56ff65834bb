"""One SQLite file of things that can be made again: opened, brought up to date, and healed.

Each row holds a checksum of its values.  A row whose checksum is wrong is removed when it is
met and told of in one warning: its owner makes it again, as if it had never been there.

SQLite keeps its default rollback journal.  Write-ahead logging needs memory shared between
the processes, which a home folder on the network lacks, and would gain nothing here: a
transaction comes every few seconds.
"""

import contextlib
import sqlite3
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress
from operator import not_
from pathlib import Path
from typing import Any, Self

from evaluation.errors import StoreError, VeilleWarning, one_line
from evaluation.records.base import Record

BUSY_SECONDS = 60.0
"""How long a process waits for another one's transaction."""
VERSION = 2
"""Of the files (their ``user_version``): rows have checksums since version 2."""
_KEYS_PER_QUERY = 500
"""Below SQLite's oldest limit of 999 variables in a statement."""
_MAGIC = b"SQLite format 3\x00"

_ELSEWHERE = "make its folder writable, or choose another with VEILLE_CACHE"
_REMEDIES = {
    "locked": "another process holds it: wait for its end, or stop it",
    "full": "free some space on its disk",
    "readonly": _ELSEWHERE,
    "unable to open": _ELSEWHERE,
    "disk I/O": _ELSEWHERE,
}
"""What SQLite says of a sound file that it cannot use, and what helps."""

Row = tuple[Any, ...]


class Table(Record):
    """A table of a file; columns as SQL declares them, between commas, NOT NULL unless they say."""

    name: str
    key: str
    """The columns that tell rows apart."""
    values: str

    @property
    def keys(self) -> list[str]:
        """The names of the columns of the key."""
        return [column.split()[0] for column in self.key.split(", ")]

    @property
    def columns(self) -> list[str]:
        """The names of all columns but the checksum's."""
        return [*self.keys, *(column.split()[0] for column in self.values.split(", "))]

    @property
    def names(self) -> str:
        """The same, as SQL writes them."""
        return ", ".join(self.columns)

    @property
    def schema(self) -> str:
        """The statement that creates it."""
        every = f"{self.key}, {self.values}, checksum INTEGER".split(", ")
        columns = (own if own.endswith(" NULL") else f"{own} NOT NULL" for own in every)
        key = f"PRIMARY KEY ({', '.join(self.keys)})"
        return f"CREATE TABLE {self.name} ({', '.join(columns)}, {key}) WITHOUT ROWID"


def _checksum(*values: object) -> int:
    """CRC-32 over the values of a row: it finds every change of up to 32 bits in a row."""
    total = 0
    for value in values:
        if isinstance(value, bytes):
            plain = value
        elif isinstance(value, (int, float)):  # a column of reals gives 1.0 for 1
            plain = repr(float(value)).encode()
        else:
            plain = str(value).encode("utf-8", "surrogatepass")
        total = zlib.crc32(b"%d " % len(plain) + plain, total)
    return total


class SqliteFile:
    """Tables in one file, safe to share between processes.

    Every :meth:`add` is one transaction: a process killed at any moment leaves either all of
    it or nothing.  All methods raise :class:`StoreError` when the file is damaged as a whole,
    read-only, of another program or version, or when the disk is full.
    """

    def __init__(
        self,
        path: Path,
        tables: Sequence[Table],
        *,
        what: str,
        remade: str,
        former: Sequence[str] = (),
    ) -> None:
        """Opens the file, and makes it when there is none, with all these tables.

        Errors say ``what`` it is ("the embeddings store"), and what its loss costs (``remade``:
        "photos are embedded again").  Tables of earlier versions are left as they are (``former``).
        """
        self.path = path
        self._tables = tables
        self._what, self._remade = what, remade
        self._ours = {*former, *(table.name for table in tables)}
        with self.reporting():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            # Damaged text must not stop the reading of the rows around it.
            self._connection.text_factory = lambda plain: plain.decode("utf-8", "replace")
            self._connection.create_function("checksum_of", -1, _checksum, deterministic=True)
            with self.reporting():
                self._open()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Closes the file; it cannot be used afterwards."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # ------------------------------------------------------------------- rows

    def rows(
        self,
        table: Table,
        given: Sequence[object],
        last: Iterable[object] | None = None,
        *,
        sound: Callable[[Row], bool] = lambda _: True,
    ) -> Iterator[Row]:
        """The rows, in the order of their columns, of which the first columns of the key are given.

        ``last`` holds values of the next column, of which any may be had; None for every row.  A
        row that is not ``sound``, as its owner put it, is removed as a damaged one is.
        """
        columns = table.columns
        where = " AND ".join(f"{name} = ?" for name in columns[: len(given)]) or "1"
        wanted = None if last is None else list(dict.fromkeys(last))
        for start in range(0, 1 if wanted is None else len(wanted), _KEYS_PER_QUERY):
            some, values = where, list(given)
            if wanted is not None:
                keys = wanted[start : start + _KEYS_PER_QUERY]
                some += f" AND {columns[len(given)]} IN ({', '.join('?' * len(keys))})"
                values += keys
            # Every name in the statement is the program's own.
            query = f"SELECT {table.names}, checksum_of({table.names}) = checksum FROM {table.name}"  # noqa: S608
            with self.reporting():
                rows = self._asked(f"{query} WHERE {some}", values)
                verdicts = [bool(row[-1]) and sound(row[:-1]) for row in rows]
                if not all(verdicts):
                    bad = [row[: len(table.keys)] for row in compress(rows, map(not_, verdicts))]
                    self._heal(table, some, values, bad)
            yield from (row[:-1] for row in compress(rows, verdicts))

    def _heal(self, table: Table, where: str, given: Sequence[object], bad: Sequence[Row]) -> None:
        # Writing into a file whose pages are damaged would damage others.
        if (state := self._asked("PRAGMA quick_check(1)")[0][0]) != "ok":
            raise sqlite3.DatabaseError(state)
        keys = " AND ".join(f"{name} IS ?" for name in table.keys)
        with self.transaction():
            self._connection.executemany(f"DELETE FROM {table.name} WHERE {keys}", bad)  # noqa: S608
            wrong = f"{where} AND checksum_of({table.names}) IS NOT checksum"
            self._asked(f"DELETE FROM {table.name} WHERE {wrong}", given)  # noqa: S608
        rows = "1 row was" if len(bad) == 1 else f"{len(bad)} rows were"
        warnings.warn(
            f"{self.path}: {rows} damaged and removed from {self._what}: {self._remade}",
            VeilleWarning,
            stacklevel=2,
        )

    def add(self, table: Table, rows: Iterable[Row], *, replace: bool = False) -> None:
        """Adds rows in one transaction; those that are there stay, unless they are replaced."""
        verb = "INSERT OR REPLACE" if replace else "INSERT OR IGNORE"
        marks = ", ".join("?" * (len(table.columns) + 1))
        with self.transaction():
            self._connection.executemany(
                f"{verb} INTO {table.name} ({table.names}, checksum) VALUES ({marks})",
                ((*row, _checksum(*row)) for row in rows),
            )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is added within it is there, or nothing; one may lie in another."""
        if self._connection.in_transaction:
            yield
            return
        with self.reporting():
            # IMMEDIATE takes the write lock at once: a transaction that reads first and
            # upgrades later can be refused by SQLite whatever the busy timeout.
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite has already rolled back after some errors, such as a full disk.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    # ------------------------------------------------------------------- opening

    def _open(self) -> None:
        if self._asked("PRAGMA user_version")[0][0] == VERSION:
            return
        with self.transaction():
            [(version,)] = self._asked("PRAGMA user_version")  # another process may have made it
            names = self._asked(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            )
            there = {str(name) for (name,) in names}
            if version > VERSION:
                raise StoreError(
                    f"{self._what} has version {version}, this program knows {VERSION}",
                    where=self.path,
                    remedy=f"upgrade veille-clip, or delete the file ({self._remade})",
                )
            if there and not there & self._ours:
                raise self._foreign("is a database of another program")
            for table in self._tables if version < VERSION else ():
                if table.name not in there:
                    self._asked(table.schema)
                    continue
                # One of an earlier version, whose rows get their checksums.
                columns = [row[1] for row in self._asked(f"PRAGMA table_info({table.name})")]
                if columns != table.columns:
                    raise self._foreign(f"has another table {table.name} than this program's")
                column = "checksum INTEGER NOT NULL DEFAULT 0"
                self._asked(f"ALTER TABLE {table.name} ADD COLUMN {column}")
                self._asked(f"UPDATE {table.name} SET checksum = checksum_of({table.names})")  # noqa: S608
            self._asked(f"PRAGMA user_version = {VERSION:d}")

    def _asked(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(statement, values).fetchall()

    # ------------------------------------------------------------------- errors

    @contextlib.contextmanager
    def reporting(self) -> Iterator[None]:
        """Turns what SQLite and the disk refuse into one line."""
        try:
            yield
        except (sqlite3.Error, OverflowError, UnicodeError, OSError) as error:
            reason, remedy = one_line(error), _ELSEWHERE
            if not isinstance(error, OSError):
                start = b""
                with contextlib.suppress(OSError), self.path.open("rb") as file:
                    start = file.read(len(_MAGIC))
                if start not in (b"", _MAGIC):
                    raise self._foreign("is not a database") from error
                known = (remedy for word, remedy in _REMEDIES.items() if word in reason)
                remedy = next(known, f"it is damaged: delete the file ({self._remade})")
            what = f"{self._what} cannot be used ({reason})"
            raise StoreError(what, where=self.path, remedy=remedy) from error

    def _foreign(self, what: str) -> StoreError:
        return StoreError(
            f"{what}: {self._what} should be here",
            where=self.path,
            remedy=f"move it away if it is of use, or else delete the file ({self._remade})",
        )
