"""Who is taken for whom: the whole matrix of few classes; of many its largest cells, and files."""

import csv
import heapq
import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from evaluation.records import RunRecord
from evaluation.report.kit.language import current, t
from evaluation.report.kit.tables import Cell, Col, Table, head, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.scores import confusion_table
from evaluation.report.study.view import MANY, StudyView, trace

LARGEST = 20
_SIDE = 1000
"""Pixels of the picture of a matrix, at most, unless there are more classes."""
_RUNS = re.compile(r"[=+\-@\t\r]")
"""What makes a spreadsheet run a cell that begins with it."""


def confusions(here: Here, run: RunRecord) -> Mapping[str, Any]:
    """The matrix of a case; of more than ``MANY`` classes the largest cells off its diagonal,
    and the addresses of the whole as a picture and as a table to take away.
    """
    if len(run.classes) <= MANY:
        opens = here.view.explorable(run.case)
        return {"table": confusion_table(here, run), "picture": "", "opens": opens}
    stem = _stem(here.view, run)
    return {
        "table": _largest(here, run),
        "picture": here.file(f"{stem}.png"),
        "csv": here.file(f"{stem}.csv"),
        "side": str(_scale(run) * len(run.classes)),
    }


def matrix_files(view: StudyView) -> Mapping[str, str | bytes]:
    """Uri to content of the matrices of many classes: PNG, and CSV as the language writes it."""
    made: dict[str, str | bytes] = {}
    for run in view.scored:
        if len(run.classes) > MANY:
            made[f"{_stem(view, run)}.png"] = _picture(run)
            made[f"{_stem(view, run)}.csv"] = _csv(run)
    return made


def _stem(view: StudyView, run: RunRecord) -> str:
    return f"{view.folder}/matrices/{view.case_slugs[run.case]}"


def _largest(here: Here, run: RunRecord) -> Table:
    cells = [
        (times, run.classes[i], run.classes[j], times / sum(row))
        for i, row in enumerate(run.confusion)
        for j, times in enumerate(row)
        if times and i != j
    ]

    def photos(cell: tuple[int, str, str, float]) -> Cell:
        times, truth, guess, _ = cell
        return number(times, "0", href=here.photos(run.case, truth=truth, predicted=guess))

    return table(
        f"confusion-{here.view.case_slugs[run.case]}",
        t("Les plus grandes confusions : {case_title}", case_title=here.view.case_title(run)),
        heapq.nlargest(LARGEST, cells, key=lambda cell: cell[0]),
        Col(
            t("Vraie catégorie"),
            lambda cell: head(cell[1], href=here.gallery(cell[1])),
            numeric=False,
        ),
        Col(t("Catégorie prédite"), lambda cell: cell[2], numeric=False),
        Col(t("Photos"), photos),
        Col(t("Part de la vraie catégorie"), lambda cell: number(cell[3], "percent")),
        tip=trace(run),
    )


def _scale(run: RunRecord) -> int:
    return max(1, _SIDE // len(run.classes))


def _picture(run: RunRecord) -> bytes:
    """A PNG, one square a cell, darker where the share of its row is larger."""
    counts = np.array(run.confusion, dtype=np.float64)
    # The square root shows rare confusions too.
    share = np.sqrt(counts / np.maximum(1, counts.sum(axis=1, keepdims=True)))
    grey = np.kron(255 * (1 - share), np.ones((_scale(run), _scale(run)))).round()
    content = io.BytesIO()
    Image.fromarray(grey.astype(np.uint8)).save(content, "PNG", optimize=True)
    return content.getvalue()


def _csv(run: RunRecord) -> str:
    """True classes in rows, for the spreadsheets of the page's language; nothing that they run."""
    names = [f"'{label}" if _RUNS.match(label) else label for label in run.classes]
    content = io.StringIO()
    rows = csv.writer(content, delimiter="," if current() == "en" else ";")
    rows.writerow(["", *names])
    rows.writerows([name, *row] for name, row in zip(names, run.confusion, strict=True))
    return "\ufeff" + content.getvalue()
