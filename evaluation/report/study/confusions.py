"""Who is taken for whom: the whole matrix of few classes; of many its largest cells, and files."""

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from evaluation.records import RunRecord
from evaluation.report.kit.language import current, t
from evaluation.report.kit.tables import Col, Table, head, number, table
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
    counts = np.array(run.confusion)
    totals = counts.sum(axis=1)
    wrong = counts * (1 - np.eye(len(counts), dtype=counts.dtype))
    order = np.argsort(-wrong, axis=None, kind="stable")[:LARGEST]
    pairs = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True)]
    tip = trace(run)

    def times(pair: tuple[int, int]) -> Any:
        truth, guess = (run.classes[place] for place in pair)
        href = here.photos(run.case, truth=truth, predicted=guess)
        return number(int(wrong[pair]), "0", title=tip, href=href)

    return table(
        f"confusion-{here.view.case_slugs[run.case]}",
        t("Les plus grandes confusions : {case_title}", case_title=here.view.case_title(run)),
        [pair for pair in pairs if wrong[pair]],
        Col(
            t("Vraie catégorie"),
            lambda pair: head(run.classes[pair[0]], href=here.gallery(run.classes[pair[0]])),
            numeric=False,
        ),
        Col(t("Catégorie prédite"), lambda pair: run.classes[pair[1]], numeric=False),
        Col(t("Photos"), times),
        Col(
            t("Part de la vraie catégorie"),
            lambda pair: number(wrong[pair] / totals[pair[0]], "percent", title=tip),
        ),
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
