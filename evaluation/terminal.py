"""What a person sees on the terminal: progress bars and the table of results."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from evaluation import records
from evaluation.errors import quoted
from evaluation.records import Faithfulness, Metric, PairedTest, RunRecord

if TYPE_CHECKING:
    from evaluation.stages.settings import Advance

SHOWN = 12
"""Photos that changed with a save, or were lost since, at most."""


@contextmanager
def progress_bars() -> Iterator[Advance]:
    """A bar for each kind of work on standard error; nothing when it is not a terminal."""
    console = Console(stderr=True)
    bars = {}
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:

        def advance(what: str, done: int, total: int, note: str = "") -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            text = f"{what}: {note}" if note else what
            progress.update(bars[what], completed=done, total=total, description=text)

        yield advance


def results_table(runs: Sequence[RunRecord], colour: bool) -> str:
    """The final table: a row a case, with its interval, speed, and what went wrong.

    Cases of a model that could not run for one reason share a row.
    """
    head = dict.fromkeys(("study", "model", "prompt set"), "fold")
    head |= dict.fromkeys(("accuracy [95 % interval]", "macro-F1", "images/s"), "right")
    rows, reasons = [], []

    def lacking(run: RunRecord) -> tuple[str, ...]:
        apart = run.case if run.status == "ok" else ""
        return apart, run.study, run.model.name, run.status, run.error or ""

    for _, alike in groupby(runs, key=lacking):
        run, *others = alike
        prompts = run.prompts.name if run.prompts else "—"
        outcome: tuple[str, ...] = (run.status, "", "")
        if run.status == "ok":
            accuracy, speed = _interval(run.metric("accuracy")), run.timings.images_per_second
            outcome = (accuracy, _number(run.metric("macro_f1")), f"{speed:.1f}" if speed else "—")
        else:
            case = f"{run.study}/{run.model.name}" if others else run.case
            reasons.append(f"{case}: {run.error}\n")
        if others:
            prompts = f"{len(others) + 1} prompt sets"
        rows.append((run.study, run.model.name, prompts, *outcome))
    return _table(head, rows, colour=colour, width=110) + "".join(reasons)


def weights_table(fetched: Sequence[records.Fetched]) -> str:
    """Each model's weights: how large, had from where; below, why some are missing."""
    head = {"model": "fold", "weights": "fold", "size": "right", "state": "left"}
    rows, reasons = [], []
    for entry in fetched:
        size = "—" if entry.size is None else megabytes(entry.size)
        licence = entry.licence.name if entry.licence else "—"
        if entry.licence and entry.licence.commercial is False:
            licence += " (not commercial)"
        where = str(entry.path.parent) if entry.path else ""
        rows.append((entry.model.name, entry.model.weights, size, entry.state, licence, where))
        if entry.reason:
            reasons.append(f"{entry.model.name}: {entry.reason}\n")
    return _table({**head, "licence": "fold", "where": "fold"}, rows) + "".join(reasons)


def megabytes(size: int) -> str:
    """A number of bytes as "605 MB", or "0.4 MB"."""
    return f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{size / 1e6:.1f} MB"  # noqa: PLR2004 - two digits


def ranking(comparison: records.CaseComparison, study: str, colour: bool) -> str:
    """Who is ahead of whom: cases that share a letter are not separated by any test."""
    head = {"rank": "right", "case": "left", "accuracy [95 % interval]": "left", "tied": "left"}
    rows = []
    for ranked in comparison.cases:
        name, letters = ranked.case.removeprefix(f"{study}/"), " ".join(ranked.groups)
        rows.append((str(ranked.rank), name, _interval(ranked.accuracy), letters))
    heading = f"{study}: cases that share a letter are tied (McNemar, Holm; n = {comparison.n})"
    return f"{heading}\n{_table(head, rows, colour=colour, width=110)}"


def pairs_table(pairs: Sequence[PairedTest], study: str) -> str:
    """Each pair: gap with Tango's interval, disputed images, corrected p, verdict."""
    numbers = ("gap in points [95 % interval]", "only first", "only second", "p (Holm)")
    head = {"ahead": "fold", "behind": "fold", **dict.fromkeys(numbers, "right"), "verdict": "left"}
    rows = []
    for pair in pairs:
        gap = f"{100 * pair.gap:.1f} [{100 * pair.low:.1f}, {100 * pair.high:.1f}]"
        names = (name.removeprefix(f"{study}/") for name in (pair.a, pair.b))
        counts = (str(pair.only_a), str(pair.only_b))
        rows.append((*names, gap, *counts, _p(pair.p_holm), pair.verdict))
    return _table(head, rows)


def changes_text(
    changes: Sequence[records.CaseChange], study: str, against: str, *, markdown: bool
) -> str:
    """Each case then and now, on the same photos; as Markdown for a pull request, or plain."""
    heading = f"{study} against {against}, on the same photos (paired test, mid-p)"
    head = ("case", "n", "then", "now", "points [95 % interval]", "won", "lost", "p")
    rows = []
    for case in changes:
        name, then, now = case.case.removeprefix(f"{study}/"), f"{case.then:.3f}", f"{case.now:.3f}"
        flips = (str(len(case.won)), str(len(case.lost)))
        rows.append(
            (name, str(case.gap.n), then, now, percents(case.gap, "", "+"), *flips, _p(case.p))
        )
    if markdown:
        lines = [head, ("---",) * len(head), *rows]
        cells = [[cell.replace("|", "/") for cell in line] for line in lines]
        table = "\n".join(f"| {' | '.join(line)} |" for line in cells)
        return f"**{heading}**\n\n{table}"
    table = _table({**dict.fromkeys(head, "right"), "case": "left"}, rows)
    lost = [f"lost by {case.case}: {quoted(case.lost, SHOWN)}" for case in changes if case.lost]
    return "\n".join([heading, table, *lost])


def faithfulness_table(maps: records.CaseExplanation) -> str:
    """What the maps of a case are worth: areas under the curves, beside the two controls."""
    measured: dict[str, dict[str, Faithfulness]] = {}
    for row in maps.faithfulness:
        measured.setdefault(row.method, {})[f"{row.measure}, {row.baseline}"] = row
    curves = dict.fromkeys((name for row in measured.values() for name in row), "right")
    rows = []
    for method, curve in measured.items():
        worth = f"{sum(row.faithful for row in curve.values())} of {len(curve)}"
        if method in {"random", "centre"}:
            worth = "control"
        rows.append((method, *(_interval(row.area) for row in curve.values()), worth))
    heading = f"{maps.case}: {len(maps.photos)} photos explained; deletion is better low"
    lines = [
        f"{card.method} does not apply: {card.reason}" for card in maps.methods if not card.applies
    ]
    head = {"method": "left", **curves, "beats both controls": "left"}
    return "\n".join([heading, *lines, _table(head, rows)])


def suggestion_text(suggestion: records.Suggestion) -> str:
    """What validation says of each class, what its texts leave out, and what adding it changed."""
    return _rendered("suggestion", suggestion)


def provisional_text(save: records.Provisional) -> str:
    """One save of ``veille watch``: each prompt set on validation, its change, its flips."""
    return _rendered("provisional", save)


def _rendered(macro: str, record: object) -> str:
    """The text that a macro of ``terminal.jinja`` makes of a record."""
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 - plain text
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"interval": _interval, "percents": percents, "p_value": _p}
    environment.filters |= {"repr": repr, "share": "{:.0%}".format}
    template = environment.get_template("terminal.jinja", globals={"shown": SHOWN})
    return str(getattr(template.module, macro)(record)).strip("\n")


def _p(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0001 else f"{value:.0e}"  # noqa: PLR2004 - what fits


def _table(
    head: Mapping[str, str],
    rows: Iterable[Iterable[str]],
    *,
    colour: bool = False,
    width: int = 140,
) -> str:
    """Rows below their headings, whose columns "fold", or stand "left" or "right" unbroken."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, way in head.items():
        if way == "fold":
            table.add_column(heading, overflow="fold")
        else:
            table.add_column(heading, justify="right" if way == "right" else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    text = io.StringIO()
    # What is given is drawn as it is: a name in square brackets is no colour.
    console = Console(
        file=text,
        width=width,
        force_terminal=colour,
        no_color=not colour,
        markup=False,
        emoji=False,
        highlight=False,
    )
    console.print(table)
    return text.getvalue()


def _number(metric: Metric | None) -> str:
    return "—" if metric is None or metric.value is None else f"{metric.value:.3f}"


def percents(metric: Metric, unit: str = " %", sign: str = "") -> str:
    """A share or a gap with its interval, as "52.0 % [40.1, 63.9]"."""
    value, low, high = (100 * (part or 0.0) for part in (metric.value, metric.low, metric.high))
    return f"{value:{sign}.1f}{unit} [{low:.1f}, {high:.1f}]"


def _interval(metric: Metric | None) -> str:
    if metric is None or metric.low is None or metric.high is None:
        return _number(metric)
    return f"{_number(metric)} [{metric.low:.3f}, {metric.high:.3f}]"
