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
from evaluation.records import Flip, Predictions, PromptSet, Provisional, ProvisionalCase, Study
from evaluation.scoring.intervals import share
from evaluation.scoring.paired import paired
from evaluation.stages.bench import Bench, models_of, validation_bench
from evaluation.stages.engine import Engine
from evaluation.stages.heads import read_by
from evaluation.stages.open import hide_test, read_data
from evaluation.study.config import load_study

PAUSE = 0.15
"""Seconds between two looks at the files."""


@dataclass(slots=True, kw_only=True)
class Watch:
    """A study under edit: its validation photos are embedded, its model stays loaded."""

    data_root: Path | None
    """Where the photos are, instead of where the file says."""
    bench: Bench
    """The model and the photos."""
    seen: dict[Path, int] = field(default_factory=dict)
    """Each file to the time it was written at, as it was last read."""
    said: dict[str, tuple[str, Predictions]] = field(default_factory=dict)
    """Prompt set to the digest of its texts as last saved, and what the model said with them."""
    last: Provisional | None = None

    @property
    def file(self) -> Path:
        """The study.toml."""
        return self.bench.data.study.file


def start(
    study: Study, engine: Engine, name: str | None = None, data_root: Path | None = None
) -> Watch:
    """Embeds the validation photos and loads a model, the first that reads texts unless named.

    Raises :class:`DataError`: the study has no validation part, or no such model;
    :class:`WeightsUnavailable`: the model cannot be had here.
    """
    spec, *_ = models_of(study, [name] if name else ())
    data = hide_test(read_data(study, engine.settings))
    bench = validation_bench(data, spec, engine)
    return Watch(data_root=data_root, bench=bench)


def saves(watch: Watch, pause: float = PAUSE) -> Iterator[Provisional]:
    """The figures of the files as they are, then anew each time one of them is saved."""
    while True:
        changed = _changed(watch)
        if changed is not None:
            yield rescore(watch, changed)
        time.sleep(pause)


def _changed(watch: Watch) -> float | None:
    """When a file was last saved, seconds since 1970; None when none changed."""
    folder = watch.file.parent
    files = [watch.file, *sorted(folder.rglob("*.toml"))]
    states = {path: path.stat().st_mtime_ns for path in files if path.is_file()}
    if states == watch.seen:
        return None
    first, watch.seen = not watch.seen, states
    return time.time() if first else max(states.values()) / 1e9


def rescore(watch: Watch, saved: float) -> Provisional:
    """Scores the prompt sets as they are on disk.

    A file with a mistake keeps the figures of the last save, and the mistake is told.  The files
    were ``saved`` so many seconds after 1970.
    """
    error = ""
    try:
        cases = _cases(watch)
    except VeilleError as mistake:
        error, cases = str(mistake), watch.last.cases if watch.last else ()
    made = Provisional(
        study=watch.bench.data.study.name,
        title=watch.bench.data.study.title,
        model=watch.bench.model.spec.name,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=max(0.0, time.time() - saved),
        error=error,
        cases=cases,
    )
    watch.last = made
    return made


def _cases(watch: Watch) -> tuple[ProvisionalCase, ...]:
    data = watch.bench.data
    study = load_study(str(watch.file), data_root=watch.data_root)
    if (study.dataset, study.split) != (data.study.dataset, data.study.split):
        engine = watch.bench.engine
        data = hide_test(read_data(study, engine.settings))
        watch.bench = validation_bench(data, watch.bench.model.spec, engine)
        watch.said = {}
    resolved = tuple(
        resolve_prompts(texts, data.dataset, data.split, study.prompts) for texts in study.prompts
    )
    data = replace(data, study=replace(study, prompts=resolved))
    watch.bench = replace(watch.bench, data=data)
    return tuple(_case(watch, prompts) for prompts in resolved)


def _case(watch: Watch, prompts: PromptSet) -> ProvisionalCase:
    known, before = watch.said.get(prompts.name, ("", None))
    now = (
        before
        if before is not None and known == prompts.digest
        else read_by(watch.bench, prompts)[1]
    )
    watch.said[prompts.name] = prompts.digest, now
    groups = watch.bench.data.groups(now.sample_ids)
    test = None if before is None or before is now else paired(now.right, before.right, groups)
    names = now.classes
    return ProvisionalCase(
        prompts=prompts.name,
        title=prompts.title,
        accuracy=share("accuracy", now.right, groups),
        change=None if test is None else test.metric("accuracy-change"),
        p_mid=None if test is None else test.p_mid,
        flips=tuple(
            Flip(sample_id=sample_id, label=names[label], before=names[old], now=names[new])
            for sample_id, label, old, new in zip(
                now.sample_ids, now.labels, (before or now).predicted, now.predicted, strict=True
            )
            if old != new
        ),
    )
