"""Tables of predictions: CSV that anyone can open, Parquet above a size.

A table is named ``predictions.csv`` wherever it is spoken of; where there are more than
:data:`ROWS` photos, ``predictions.parquet`` lies in its place, with the same columns.  Both hold
each probability to the last bit.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from evaluation.errors import SCORE_AGAIN, ArtefactError, one_line
from evaluation.files import reading, write_bytes
from evaluation.records import IntArray, Predictions

ROWS = 100_000
"""Of a CSV file at most: ten times as many take a minute to write and half a gigabyte."""
_HEAD = ("sample_id", "label", "predicted")


def table_file(path: Path) -> Path:
    """The file of a table: its CSV, or the Parquet in its place."""
    large = path.with_suffix(".parquet")
    return large if large.is_file() and not path.is_file() else path


def write_table(path: Path, table: Predictions) -> None:
    """Writes a table in the form that its size asks for, and removes the other."""
    large = path.with_suffix(".parquet")
    if len(table.sample_ids) <= ROWS:
        write_bytes(path, to_csv(table).encode())
        large.unlink(missing_ok=True)
    else:
        write_bytes(large, _to_parquet(table))
        path.unlink(missing_ok=True)


def to_csv(table: Predictions) -> str:
    """One row a photo: id, true and predicted class, then a probability a class.

    Probabilities are written with ``repr``: reading them back gives the same float64.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_HEAD, *table.classes])
    names = table.classes
    for sample, label, guess, row in zip(
        table.sample_ids, table.labels, table.predicted, table.probabilities, strict=True
    ):
        writer.writerow([sample, names[label], names[guess], *(repr(float(p)) for p in row)])
    return text.getvalue()


def _to_parquet(table: Predictions) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    def named(numbers: IntArray) -> pa.Array:
        return pa.DictionaryArray.from_arrays(numbers.astype(np.int32), table.classes)

    columns = [pa.array(table.sample_ids), named(table.labels), named(table.predicted)]
    columns += [pa.array(column) for column in table.probabilities.T]
    content = io.BytesIO()
    parquet.write_table(pa.table(columns, names=[*_HEAD, *table.classes]), content)
    return content.getvalue()


def read_predictions(path: Path) -> Predictions:
    """Reads a table; ``logits`` is None, since the file holds probabilities.

    Raises :class:`ArtefactError` when the file is not such a table.
    """
    path = table_file(path)
    try:
        with reading(path, ArtefactError, remedy="check its permissions"):
            table = _from_parquet(path) if path.suffix == ".parquet" else _from_csv(path)
    except FileNotFoundError as error:
        raise _no_table(path, f"cannot be read ({one_line(error)})") from error
    except (KeyError, ValueError, IndexError) as error:
        raise _no_table(path, f"has a bad row ({one_line(error)})") from error
    if not ((table.probabilities >= 0) & (table.probabilities <= 1)).all():
        raise _no_table(path, "has a probability that is none")
    return table


def _from_csv(path: Path) -> Predictions:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
    except (ValueError, csv.Error) as error:
        raise _no_table(path, f"cannot be read ({one_line(error)})") from error
    classes = _classes(head, path)
    numbers = [[float(probability) for probability in row[3:]] for row in rows]
    return _table(classes, [row[0] for row in rows], [row[1] for row in rows], numbers)


def _from_parquet(path: Path) -> Predictions:
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
    except ValueError as error:  # all of pyarrow's are, but for those of the disk
        raise _no_table(path, f"cannot be read ({one_line(error)})") from error
    classes = _classes(table.column_names, path)
    numbers = np.column_stack([table[name].to_numpy() for name in classes])
    return _table(classes, table["sample_id"].to_pylist(), table["label"].to_pylist(), numbers)


def _table(
    classes: tuple[str, ...], ids: Sequence[str], labels: Sequence[str], numbers: ArrayLike
) -> Predictions:
    index = {name: i for i, name in enumerate(classes)}
    return Predictions(
        classes=classes,
        sample_ids=tuple(ids),
        labels=np.array([index[name] for name in labels], dtype=np.int64),
        probabilities=np.array(numbers, dtype=np.float64).reshape(len(ids), len(classes)),
    )


def _classes(head: Sequence[str], path: Path) -> tuple[str, ...]:
    if tuple(head[:3]) != _HEAD or len(head) == len(_HEAD):
        raise _no_table(path, "is not a table of predictions")
    return tuple(head[3:])


def _no_table(path: Path, what: str) -> ArtefactError:
    return ArtefactError(what, where=path, remedy=SCORE_AGAIN)
