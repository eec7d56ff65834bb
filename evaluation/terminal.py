"""What a person sees on the terminal: progress bars and the table of results."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from evaluation.errors import quoted
from evaluation.records import (
    CaseComparison,
    CaseExplanation,
    ExplainedPhoto,
    Fetched,
    Metric,
    PairedTest,
    Provisional,
    RunRecord,
    Suggestion,
)

if TYPE_CHECKING:
    from evaluation.stages.baseline import Change
    from evaluation.stages.settings import Advance

SHOWN = 12
"""Photos of a prompt set that changed with a save, at most."""


@contextmanager
def progress_bars() -> Iterator[Advance]:
    """A bar for each kind of work on standard error; nothing when it is not a terminal."""
    console = Console(stderr=True)
    bars: dict[str, TaskID] = {}
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
            told = f"{what}: {note}" if note else what
            progress.update(bars[what], completed=done, total=total, description=told)

        yield advance


def results_table(runs: Sequence[RunRecord], colour: bool) -> str:
    """The final table: a row a case, with its interval, speed, and what went wrong.

    Cases of a model that could not run for one reason share a row.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("study", "model", "prompt set"):
        table.add_column(name, overflow="fold")
    for name in ("accuracy [95 % interval]", "macro-F1", "images/s"):
        table.add_column(name, justify="right", no_wrap=True)
    groups = tuple(_alike(runs))
    for run, *others in groups:
        prompts = run.prompts.name if run.prompts else "—"
        if others:
            prompts = f"{len(others) + 1} prompt sets"
        table.add_row(run.study, run.model.name, prompts, *_outcome(run))
    text = _drawn(table, colour, width=110)
    for run, *others in groups:
        if run.status != "ok":
            text += f"{run.study}/{run.model.name}" if others else run.case
            text += f": {run.error}\n"
    return text


def _alike(runs: Sequence[RunRecord]) -> Iterator[tuple[RunRecord, ...]]:
    """Runs one by one, but those of a model that lack the same, one after another, together."""

    def lack(numbered: tuple[int, RunRecord]) -> tuple[object, ...]:
        number, run = numbered
        apart = number if run.status == "ok" else None
        return (apart, run.study, run.model.name, run.status, run.error)

    for _, group in groupby(enumerate(runs), key=lack):
        yield tuple(run for _, run in group)


def weights_table(fetched: Sequence[Fetched]) -> str:
    """Each model's weights: how large, had from where; below, why some are missing."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("model", "weights"):
        table.add_column(name, overflow="fold")
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for name in ("licence", "where"):
        table.add_column(name, overflow="fold")
    for one in fetched:
        size = "—" if one.size is None else megabytes(one.size)
        where = "" if one.path is None else str(one.path.parent)
        table.add_row(one.model.name, one.model.weights, size, one.state, _licence(one), where)
    reasons = [f"{one.model.name}: {one.reason}\n" for one in fetched if one.reason]
    return _drawn(table) + "".join(reasons)


def _licence(one: Fetched) -> str:
    if one.licence is None:
        return "—"
    return one.licence.name + (" (not commercial)" if one.licence.commercial is False else "")


def megabytes(size: int) -> str:
    """A number of bytes as "605 MB", or "0.4 MB"."""
    return f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{size / 1e6:.1f} MB"  # noqa: PLR2004 - two digits


def ranking(comparison: CaseComparison, study: str, colour: bool) -> str:
    """Who is ahead of whom: cases that share a letter are not separated by any test."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("rank", "case", "accuracy [95 % interval]", "tied"):
        table.add_column(name, justify="right" if name == "rank" else "left", no_wrap=True)
    for one in comparison.cases:
        name = one.case.removeprefix(f"{study}/")
        table.add_row(str(one.rank), name, _interval(one.accuracy), " ".join(one.groups))
    heading = f"{study}: cases that share a letter are tied (McNemar, Holm; n = {comparison.n})"
    return f"{heading}\n{_drawn(table, colour, width=110)}"


def pairs_table(pairs: Sequence[PairedTest], study: str) -> str:
    """Each pair: gap with Tango's interval, disputed images, corrected p, verdict."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("ahead", "behind"):
        table.add_column(name, overflow="fold")
    for name in ("gap in points [95 % interval]", "only first", "only second", "p (Holm)"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for one in pairs:
        gap = f"{100 * one.gap:.1f} [{100 * one.low:.1f}, {100 * one.high:.1f}]"
        counts = (str(one.only_a), str(one.only_b))
        names = (name.removeprefix(f"{study}/") for name in (one.a, one.b))
        table.add_row(*names, gap, *counts, _p(one.p_holm), one.verdict)
    return _drawn(table)


def changes_text(
    found: Sequence[Change], study: str, against: str, *, markdown: bool, shown: int = 10
) -> str:
    """Each case then and now, on the same photos; as Markdown for a pull request, or plain."""
    heading = f"{study} against {against}, on the same photos (paired test, mid-p)"
    head = ("case", "n", "then", "now", "points [95 % interval]", "won", "lost", "p")
    rows = [
        (
            one.case.removeprefix(f"{study}/"),
            str(one.test.n),
            f"{one.then:.3f}",
            f"{one.now:.3f}",
            f"{100 * one.test.gap:+.1f} [{100 * one.test.low:.1f}, {100 * one.test.high:.1f}]",
            str(len(one.won)),
            str(len(one.lost)),
            _p(one.test.p_mid),
        )
        for one in found
    ]
    if markdown:
        lines = [head, ("---",) * len(head), *rows]
        cells = [[cell.replace("|", "/") for cell in line] for line in lines]
        table = "\n".join(f"| {' | '.join(line)} |" for line in cells)
        return f"**{heading}**\n\n{table}"
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in head:
        drawn.add_column(name, justify="left" if name == "case" else "right", no_wrap=True)
    for row in rows:
        drawn.add_row(*row)
    lost = [f"lost by {one.case}: {quoted(one.lost[:shown])}" for one in found if one.lost]
    return "\n".join([heading, _drawn(drawn, colour=False, width=140), *lost])


def faithfulness_table(found: CaseExplanation) -> str:
    """What the maps of a case are worth: areas under the curves, beside the two controls."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("method", no_wrap=True)
    rows = {(row.method, row.measure, row.baseline): row for row in found.faithfulness}
    kinds = list(dict.fromkeys((row.measure, row.baseline) for row in found.faithfulness))
    for measure, baseline in kinds:
        table.add_column(f"{measure}, {baseline}", justify="right", no_wrap=True)
    table.add_column("beats both controls", no_wrap=True)
    for method in dict.fromkeys(row.method for row in found.faithfulness):
        kept = [rows[method, *kind] for kind in kinds]
        control = method in {"random", "centre"}
        faithful = f"{sum(row.faithful for row in kept)} of {len(kept)}"
        table.add_row(
            method, *(_interval(row.area) for row in kept), "control" if control else faithful
        )
    heading = f"{found.case}: {len(found.photos)} photos explained; deletion is better low"
    lines = [
        f"{card.method} does not apply: {card.reason}" for card in found.methods if not card.applies
    ]
    return "\n".join([heading, *lines, _drawn(table)])


def suggestion_text(found: Suggestion) -> str:
    """What validation says of each class, what its texts leave out, and what adding it changed."""
    lines = [
        f"{found.case}: accuracy on validation {_interval(found.before)}, n = {found.before.n}"
    ]
    for one in found.classes:
        lines.append(f"{one.label}: {one.correct} of {one.photos} right")
        for confusion in one.confusions:
            lines.append(f"  {confusion.count} taken for {confusion.predicted}")
            lines += [f"    {one.sample_id}: {_map_in_words(one)}" for one in confusion.photos]
        for name in one.uncovered:
            said = f"no text says {name.name!r} ({name.train_photos} train photos, "
            said += f"{name.validation_errors} of {name.validation_photos} lost on validation)"
            lines.append(f"  {said}{': added' if name.added else ''}")
            lines.append(f"    nearest text: {name.nearest_text!r}, cosine {name.similarity:.2f}")
    return "\n".join([*lines, _verdict_on(found)])


def _map_in_words(photo: ExplainedPhoto) -> str:
    """How sure the model was, and where on the photo what spoke for its answer lies."""
    sure = f"{photo.predicted} {max(photo.probabilities):.2f}"
    map_of = next((one for one in photo.maps if one.label == photo.predicted), None)
    if map_of is None or map_of.summary.empty:
        return f"{sure}, no map"
    where = map_of.summary
    place = " ".join(
        (("top", "middle", "bottom")[where.top_row], ("left", "centre", "right")[where.top_column])
    )
    return (
        f"{sure}; most of what spoke for it: {place} ({where.top_share:.0%}); "
        f"within the middle quarter: {where.centre_share:.0%} ({map_of.method})"
    )


def provisional_text(found: Provisional) -> str:
    """One save of ``veille watch``: each prompt set on validation, its change, its flips."""
    lines = [f"{found.at}  {found.model}, validation only, {found.seconds:.2f} s after the save"]
    if found.error:
        lines += [f"error     {found.error}", "          (figures of the last save)"]
    width = max((len(case.prompts) for case in found.cases), default=0)
    for case in found.cases:
        line = f"{case.prompts:<{width}}  {_interval(case.accuracy)}"
        change = case.change
        if change is not None and case.p_mid is not None:
            gap, low, high = (100 * (one or 0.0) for one in (change.value, change.low, change.high))
            line += f"  {gap:+.1f} points [{low:.1f}, {high:.1f}], p = {_p(case.p_mid)}"
        lines.append(line)
        lines += [
            f"{'':<{width}}  {one.sample_id} ({one.label}): {one.before} -> {one.now}"
            for one in case.flips[:SHOWN]
        ]
        if len(case.flips) > SHOWN:
            lines.append(f"{'':<{width}}  and {len(case.flips) - SHOWN} more")
    return "\n".join(lines)


def _verdict_on(found: Suggestion) -> str:
    if found.proposal is None or found.after is None or found.gain is None:
        missing = any(one.uncovered for one in found.classes)
        what = "what is missing wins no validation photo" if missing else "no text is missing"
        return f"{what}: nothing is proposed"
    gain = found.gain
    low, high = gain.low or 0.0, gain.high or 0.0
    line = f"{found.proposal.name}: accuracy on validation {_interval(found.after)}, "
    line += f"{100 * (gain.value or 0):+.1f} points [{100 * low:.1f}, {100 * high:.1f}] "
    line += f"({found.only_after} won, {found.only_before} lost, p = {_p(found.p_mid or 0.0)})"
    if low > 0:
        return f"{line}\nbetter, on the photos that chose it: only the test part can confirm it"
    return f"{line}\nno difference that {found.before.n} photos can show, though they chose it"


def _p(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0001 else f"{value:.0e}"  # noqa: PLR2004 - what fits


def _drawn(table: Table, colour: bool = False, width: int = 140) -> str:
    text = io.StringIO()
    _console(text, colour, width).print(table)
    return text.getvalue()


def _console(text: io.StringIO, colour: bool, width: int) -> Console:
    """Draws what it is given as it is: a name in square brackets is no colour."""
    return Console(
        file=text,
        width=width,
        force_terminal=colour,
        no_color=not colour,
        markup=False,
        emoji=False,
        highlight=False,
    )


def _outcome(run: RunRecord) -> tuple[str, str, str]:
    if run.status != "ok":
        return run.status, "", ""
    speed = run.timings.images_per_second
    return (
        _interval(run.metric("accuracy")),
        _number(run.metric("macro_f1")),
        "—" if speed is None else f"{speed:.1f}",
    )


def _number(metric: Metric | None) -> str:
    return "—" if metric is None or metric.value is None else f"{metric.value:.3f}"


def _interval(metric: Metric | None) -> str:
    if metric is None or metric.low is None or metric.high is None:
        return _number(metric)
    return f"{_number(metric)} [{metric.low:.3f}, {metric.high:.3f}]"
