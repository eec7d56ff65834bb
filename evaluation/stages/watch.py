"""``veille watch``: prompt sets scored on validation as they are saved, the model kept loaded.

The test part is put away before anything is looked at: only ``veille eval`` scores it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from evaluation.data.prompts import resolve_prompts
from evaluation.errors import VeilleError
from evaluation.records import Flip, Predictions, Provisional, ProvisionalCase, Study
from evaluation.scoring.intervals import share
from evaluation.scoring.paired import paired
from evaluation.stages.engine import Bench, Engine, models_of, validation_bench
from evaluation.stages.heads import read_by
from evaluation.stages.open import read_data
from evaluation.study.config import load_study

PAUSE = 0.15
"""Seconds between two looks at the files."""


@dataclass(slots=True, kw_only=True)
class Watch:
    """A study under edit: its validation photos are embedded, its model stays loaded."""

    data_root: Path | None
    """Where the photos are, instead of where the file says."""
    bench: Bench
    said: dict[str, tuple[str, Predictions]] = field(default_factory=dict)
    """Prompt set to the digest of its texts as last saved, and what the model said with them."""
    last: tuple[ProvisionalCase, ...] = ()
    """The figures of the last save without a mistake."""


def start(
    study: Study, engine: Engine, name: str | None = None, data_root: Path | None = None
) -> Watch:
    """Embeds the validation photos and loads a model, the first that reads texts unless named.

    Raises :class:`DataError`: the study has no validation part, or no such model;
    :class:`WeightsUnavailable`: the model cannot be had here.
    """
    spec, *_ = models_of(study, [name] if name else ())
    bench = validation_bench(read_data(study, engine.settings), spec, engine)
    return Watch(data_root=data_root, bench=bench)


def saves(watch: Watch) -> Iterator[Provisional]:
    """The figures of the files as they are, then anew each time one of them is saved."""
    seen: dict[Path, int] = {}
    while True:
        file = watch.bench.data.study.file
        files = [file, *sorted(file.parent.rglob("*.toml"))]
        states = {path: path.stat().st_mtime_ns for path in files if path.is_file()}
        if states != seen:
            yield rescore(watch, max(states.values()) / 1e9 if seen else time.time())
            seen = states
        time.sleep(PAUSE)


def rescore(watch: Watch, saved: float) -> Provisional:
    """Scores the prompt sets as they are on disk.

    A file with a mistake keeps the figures of the last save, and the mistake is told.  The files
    were ``saved`` so many seconds after 1970.
    """
    error = ""
    try:
        watch.last = _cases(watch)
    except VeilleError as mistake:
        error = str(mistake)
    return Provisional(
        study=watch.bench.data.study.name,
        title=watch.bench.data.study.title,
        model=watch.bench.model.spec.name,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=max(0.0, time.time() - saved),
        error=error,
        cases=watch.last,
    )


def _cases(watch: Watch) -> tuple[ProvisionalCase, ...]:
    data = watch.bench.data
    study = load_study(str(data.study.file), data_root=watch.data_root)
    if (study.dataset, study.split) != (data.study.dataset, data.study.split):
        spec, engine = watch.bench.model.spec, watch.bench.engine
        watch.bench = validation_bench(read_data(study, engine.settings), spec, engine)
        data, watch.said = watch.bench.data, {}
    sets = tuple(
        resolve_prompts(texts, data.dataset, data.split, study.prompts) for texts in study.prompts
    )
    watch.bench = replace(watch.bench, data=replace(data, study=replace(study, prompts=sets)))
    cases = []
    for prompts in sets:
        known, before = watch.said.get(prompts.name, ("", None))
        now, test = before, None
        if now is None or known != prompts.digest:
            _, now = read_by(watch.bench, prompts)
            watch.said[prompts.name] = prompts.digest, now
        groups, names = data.groups(now.sample_ids), now.classes
        if before is not None and before is not now:
            test = paired(now.right, before.right, groups)
        case = ProvisionalCase(
            prompts=prompts.name,
            title=prompts.title,
            accuracy=share("accuracy", now.right, groups),
            change=None if test is None else test.metric("accuracy-change"),
            p_mid=None if test is None else test.p_mid,
            flips=tuple(
                Flip(sample_id=photo, label=names[label], before=names[old], now=names[new])
                for photo, label, old, new in zip(
                    now.sample_ids,
                    now.labels,
                    (before or now).predicted,
                    now.predicted,
                    strict=True,
                )
                if old != new
            ),
        )
        cases.append(case)
    return tuple(cases)
