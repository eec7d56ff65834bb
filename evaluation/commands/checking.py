"""``veille check``, ``data`` and ``weights``: whether a study could run, and what it lacks."""

import sys
from pathlib import Path

import click

from evaluation.commands.options import DATA_ROOT, OFFLINE, PATH, say, short, watched
from evaluation.data.fetching import fetch_dataset
from evaluation.data.listing import note_line
from evaluation.errors import DataError, ModelError, VeilleError
from evaluation.models import availability, fetch, opened
from evaluation.records import Availability, ModelSpec
from evaluation.stages.open import StudyData, read_data
from evaluation.stages.settings import Settings
from evaluation.stages.standing import is_repeated
from evaluation.study.config import load_study
from evaluation.terminal import megabytes, progress_bars, weights_table


@click.command(short_help="Validate a study: its files, photos, texts and weights.")
@click.argument("study")
@DATA_ROOT
@OFFLINE
def check(study: str, data_root: Path | None, offline: bool) -> None:
    """Validate STUDY (a name or a path): configuration, photos, prompt sets, weights.

    Says what would run, what is unavailable and why, and how much would be downloaded; local
    checkpoints are opened, and what they hold is said.  Nothing is downloaded, embedded or
    written besides the cache of decoded photos; without --offline, servers are asked how large
    weights that are not here are.  Exits with 2 when the study could not run.
    """
    declared = load_study(study, data_root=data_root)
    say(f"study     {declared.name}: {declared.title}\nfile      {short(declared.file)}")
    data: StudyData | None = None
    error: VeilleError | None = None
    seen: set[object] = set()
    with watched(Settings(offline=offline)) as settings:
        try:
            data = read_data(declared, settings)
        except VeilleError as refusal:
            error = refusal
        states = [_state(spec, data, seen, offline=offline) for spec in declared.models]
    if data is not None:
        _print_data(data)
    for spec, (ready, held) in zip(declared.models, states, strict=True):
        if ready.ready:
            state, colour = "would run", "green"
        elif ready.download_bytes is not None:
            state, colour = f"would download {megabytes(ready.download_bytes)}", "yellow"
        else:
            state, colour = "unavailable", "red"
        reason = f" ({ready.reason})" if ready.reason else ""
        say(f"model     {spec.name}: {state}{reason}", fg=colour)
        if held:
            say(f"  opened  {held}")
        for case in declared.cases():
            if case.model == spec:
                say(f"  case    {case.name}")
    if error is not None:
        raise error


def _state(
    spec: ModelSpec, data: StudyData | None, seen: set[object], *, offline: bool
) -> tuple[Availability, str]:
    """Whether a model could run here, and what a checkpoint of the user's own, not ``seen``, holds.

    Not ready where that, titles or shares do not fit the data.
    """
    ready, held = availability(spec, offline=offline), ""
    file = (spec.kind, spec.architecture, spec.weights, spec.head_classes)
    try:
        # Where nothing declares it, scipy's statistics are not imported.
        if data and (spec.shares or "titles" in spec.adapt or "title" in spec.reads):
            from evaluation.stages.adapt import check_adaptation

            check_adaptation(spec, data)
        if ready.ready and file not in seen:
            held = opened(spec, data.dataset.classes if data else spec.head_classes)
            seen.add(file)
    except (DataError, ModelError) as refusal:
        ready = Availability(ready=False, reason=str(refusal))
    return ready, held


def _print_data(data: StudyData) -> None:
    dataset, split = data.dataset, data.split
    say(
        f"photos    {len(dataset.samples)} in {len(dataset.classes)} classes: "
        f"{len(split.train)} train, {len(split.validation)} validation, {len(split.test)} test"
    )
    if data.draws:
        repeated = [case.name for case in data.study.cases() if is_repeated(case, data)]
        say(f"repeats   {len(data.draws)} other draws of {', '.join(repeated) or 'no case'}")
    for photo in dataset.missing:
        say(f"missing   {photo.path} ({photo.label}): {photo.reason}", fg="yellow")
    for note in dataset.notes:
        say(f"note      {note_line(note)}", fg="yellow")
    for group in split.duplicates:
        say(f"same      {', '.join(group)}: equal pixels, kept in one part")
    for prompts in data.study.prompts:
        texts = [len(prompts.sentences(label)) for label in dataset.classes]
        spread = str(min(texts)) if min(texts) == max(texts) else f"{min(texts)} to {max(texts)}"
        say(f"prompts   {prompts.name}: {spread} text(s) a class")


@click.command(short_help="Fetch a study's photos into a folder.")
@click.argument("study")
@click.option("--root", type=PATH, required=True, help="Folder to put them in.")
@click.option("--archive", help="Address or ZIP file, instead of the one that the study declares.")
def data(study: str, root: Path, archive: str | None) -> None:
    """Fetch the photos of STUDY from the archive that it declares, and check them.

    A download that was cut goes on from where it was; what is in the folder already is neither
    fetched again nor overwritten.  Needs room for the archive and for the photos.
    """
    spec = load_study(study, data_root=root).dataset

    def announce(total: int | None, here: int) -> None:
        size = "of unknown size" if total is None else f"of {total / 1e6:.0f} MB"
        known = f", {here / 1e6:.0f} MB of it are here" if here else ""
        say(f"archive   {archive or spec.archive}\n          {size}{known}")

    with progress_bars() as advance:
        fetched = fetch_dataset(
            spec, name=study, root=root, source=archive, announce=announce, watch=advance
        )
    done = f"{fetched.written} files written" if fetched.written else "already there"
    kept = f", {fetched.kept} left as they were" if fetched.kept else ""
    say(f"photos    {fetched.photos} listed in {root}: {done}{kept}")
    for path in fetched.missing:
        say(f"missing   {path}: not in the archive", fg="yellow")
    say(f"then      veille check {study} --data-root {root}")


@click.command(short_help="Fetch all the weights that a study needs, ahead of time.")
@click.argument("study")
@OFFLINE
def weights(study: str, offline: bool) -> None:
    """Fetch the weights of STUDY (a name or a path), so that its cases then run offline.

    What is to be downloaded is said first.  A download that was cut goes on where it stopped,
    and is checked; it lies in the caches that other tools share (HF_HOME, TORCH_HOME,
    ~/.cache/clip).  HF_ENDPOINT names another server.  Exits with 1 when a model's weights
    cannot be had.
    """
    declared = load_study(study)
    with watched(Settings(offline=offline)) as settings:
        sizes = []
        for spec in () if offline else declared.models:
            ready = availability(spec, offline=False)
            if not ready.ready and ready.download_bytes is not None:
                sizes.append(ready.download_bytes)
                say(f"to download  {spec.name}: {megabytes(sizes[-1])} ({spec.weights})")
        if len(sizes) > 1:
            say(f"to download  {megabytes(sum(sizes))} in all")
        fetched = tuple(fetch(spec, settings) for spec in declared.models)
    say(weights_table(fetched))
    if any(entry.state == "missing" for entry in fetched):
        sys.exit(1)
