"""Sentences made from measured numbers, each number with the run that it comes from.

What they may claim is narrow.  Where the cases were compared, two of them are said to differ
when their paired test says so.  Otherwise two accuracies are said to differ when their 95 %
intervals do not overlap, and nothing is called significant: overlap is not a paired test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from evaluation.records import Metric, PairedTest, RunRecord
from evaluation.report import wording
from evaluation.report.language import SLOT, counted, translated
from evaluation.report.view import StudyView, best, bounds, shown, trace, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a sentence; a measured number links to its run."""

    text: str
    href: str = ""
    title: str = ""


Sentence = tuple[Part, ...]


Slot = str | Part | Sentence


def say(message: str, /, **slots: Slot) -> Sentence:
    """A message in the current language, its slots filled with text, numbers or sentences.

    The message is whole, so that another language may order its slots as it must::

        say("{case} classe bien {accuracy} des photos.", case=…, accuracy=number(view, run, uri))

    A text in a slot is already said: :func:`~evaluation.report.language.t` made it, or a
    function of ``wording``, or it is a name.  Raises :class:`TypeError` when ``slots`` are not
    those of the message.
    """
    return _filled(translated(message, slots), slots)


def nsay(n: int, one: str, several: str, /, **slots: Slot) -> Sentence:
    """:func:`say`, with a form for one and a form for several; slot ``{n}`` is the number."""
    text = counted(n, one, several)
    return _filled(text, {"n": wording.count(n), **slots})


def _filled(text: str, slots: Mapping[str, Slot]) -> Sentence:
    pieces: list[Slot] = []
    for place, piece in enumerate(SLOT.split(text)):
        if place % 2 == 0:
            pieces.append(piece)
        elif piece in slots:
            pieces.append(slots[piece])
        else:
            raise TypeError(f"slot {piece!r} of {text!r} has no value")
    return joined(*pieces)


def joined(*pieces: Slot) -> Sentence:
    """Pieces put end to end: sentences that follow each other, never parts of one."""
    parts: list[Part] = []
    for piece in pieces:
        if isinstance(piece, str):
            parts += [Part(text=piece)] if piece else []
        elif isinstance(piece, Part):
            parts.append(piece)
        else:
            parts.extend(piece)
    return tuple(parts)


def plain(sentence: Sentence) -> str:
    """The sentence as text."""
    return "".join(part.text for part in sentence)


def separated(one: Metric | None, other: Metric | None) -> bool:
    """Whether the 95 % intervals of two metrics do not overlap; False if either has none."""
    if one is None or other is None:
        return False
    if None in (one.low, one.high, other.low, other.high):
        return False
    assert one.low is not None  # noqa: S101 - for mypy, which does not follow `in`
    assert one.high is not None  # noqa: S101
    assert other.low is not None  # noqa: S101
    assert other.high is not None  # noqa: S101
    return one.low > other.high or other.low > one.high


def number(view: StudyView, run: RunRecord, source: str, metric: str = "accuracy") -> Part:
    """A metric with its interval, linked to its run: "64,3 % [57,6 ; 70,5]"."""
    found = run.metric(metric)
    limits = bounds(found)
    text = shown(found) + (f"{wording.NBSP}{limits}" if limits else "")
    return Part(text=text, href=view.run_href(source, run), title=trace(run))


def answer(view: StudyView, source: str) -> Sentence:
    """The study's question answered in one sentence."""
    zero_shot, supervised = best(view.described), best(view.supervised)
    photos = wording.plural(view.test_images, "photo")
    if zero_shot is None and supervised is None:
        return joined("Aucun cas n’a encore de résultat comparable sur ces photos.")
    if zero_shot is None or supervised is None:
        only = zero_shot or supervised
        assert only is not None  # noqa: S101 - one of the two is there
        how = "Sans aucune photo d’exemple" if only.model.kind == "clip" else "Après apprentissage"
        return joined(
            f"{how}, {view.said(only)} classe correctement ",
            number(view, only, source),
            f" des {photos} de test.",
        )
    return joined(
        f"Sans aucune photo d’exemple, {view.said(zero_shot)} classe correctement ",
        number(view, zero_shot, source),
        f" des {photos} de test, contre ",
        number(view, supervised, source),
        f" pour {view.said(supervised)}, qui a appris sur des photos étiquetées\u00a0: ",
        _verdict(view, supervised, zero_shot),
        ".",
    )


def _verdict(view: StudyView, one: RunRecord, other: RunRecord) -> str:
    """The gap between two cases, and whether their test, or else the intervals, separates them."""
    pair = view.pair(one.case, other.case)
    if pair is not None:
        return _tested(pair)
    gap = value(one, "accuracy") - value(other, "accuracy")
    if gap == 0:
        return "les deux sont à égalité"
    told = separated(one.metric("accuracy"), other.metric("accuracy"))
    means = (
        "et les intervalles à 95\u202f% ne se recouvrent pas"
        if told
        else "mais les intervalles à 95\u202f% se recouvrent, et ces photos ne suffisent pas à "
        "les départager"
    )
    return f"{wording.gap(gap)} d’écart, {means}"


def _tested(pair: PairedTest) -> str:
    gap = "même exactitude" if pair.gap == 0 else f"{wording.gap(pair.gap)} d’écart"
    limits = f"(IC\u00a095\u202f% {wording.interval(pair.low, pair.high)})"
    return {
        "better": f"{gap} {limits}, et le test apparié les sépare",
        "tie": f"{gap} {limits}, et rien ne les sépare sur ces images",
        "inconclusive": f"{gap} {limits}, et on ne peut pas conclure sur ces images",
    }[pair.verdict]


def prompt_effects(view: StudyView, source: str) -> tuple[Sentence, ...]:
    """For each zero-shot model, what its best prompt set changes against the baseline."""
    sentences = []
    for name in dict.fromkeys(run.model.name for run in view.zero_shot):
        runs = tuple(run for run in view.zero_shot if run.model.name == name)
        others = tuple(run for run in runs if run is not view.twin(run))
        base = view.twin(runs[0])
        top = best(others)
        if base is None or top is None or base.prompts is None or top.prompts is None:
            continue
        sentences.append(_effect(view, base, top, source))
    return tuple(sentences)


def _effect(view: StudyView, base: RunRecord, top: RunRecord, source: str) -> Sentence:
    assert base.prompts is not None  # noqa: S101 - the caller checked
    assert top.prompts is not None  # noqa: S101
    change = value(top, "accuracy") - value(base, "accuracy")
    model = view.model_title(top)
    texts = wording.quote(wording.typeset(top.prompts.title))
    names = wording.quote(wording.typeset(base.prompts.title))
    if change == 0:
        lead = f"les textes {texts} ne changent pas l’exactitude obtenue avec {names}"
    elif change > 0:
        ahead = separated(base.metric("accuracy"), top.metric("accuracy"))
        lead = f"les textes {texts} {'font mieux que' if ahead else 'arrivent devant'} {names}"
    else:
        lead = f"aucun jeu de textes ne fait mieux que {names}\u202f; le suivant est {texts}"
    return joined(
        f"Pour {wording.quote(model)}, {lead}\u00a0: ",
        number(view, top, source),
        " contre ",
        number(view, base, source),
        f"\u202f; {_verdict(view, top, base)}." if change else ".",
    )


def class_effects(view: StudyView, source: str) -> tuple[Sentence, ...]:
    """Which class each model's best prompt set helps most, and which it hurts most."""
    sentences = []
    for name in dict.fromkeys(run.model.name for run in view.zero_shot):
        runs = tuple(run for run in view.zero_shot if run.model.name == name)
        base = view.twin(runs[0])
        top = best(tuple(run for run in runs if run is not base))
        if base is None or top is None or top.prompts is None:
            continue
        changes = recall_changes(base, top)
        if changes:
            sentences.append(_class_effect(view, base, top, changes, source))
    return tuple(sentences)


def recall_changes(base: RunRecord, run: RunRecord) -> dict[str, float]:
    """Class to the change of its recall from ``base`` to ``run``; undefined ones left out."""
    before = {row.label: row.recall.value for row in base.per_class}
    after = {row.label: row.recall.value for row in run.per_class}
    return {
        label: new - old
        for label, new in after.items()
        if new is not None and (old := before.get(label)) is not None
    }


def _class_effect(
    view: StudyView, base: RunRecord, top: RunRecord, changes: dict[str, float], source: str
) -> Sentence:
    assert top.prompts is not None  # noqa: S101 - the caller checked
    gain = max(changes, key=lambda label: changes[label])
    loss = min(changes, key=lambda label: changes[label])
    model, texts = view.model_title(top), wording.quote(wording.typeset(top.prompts.title))
    pieces: list[str | Part | Sentence] = [f"Catégorie par catégorie ({model}, {texts}), "]
    if changes[gain] > 0:
        pieces += [
            f"c’est {wording.quote(gain)} qui y gagne le plus (rappel de ",
            _recall(view, base, gain, source),
            " à ",
            _recall(view, top, gain, source),
            ")",
        ]
    else:
        pieces += ["aucune n’y gagne"]
    if changes[loss] < 0:
        pieces += [
            f"\u202f; {wording.quote(loss)} y perd le plus (de ",
            _recall(view, base, loss, source),
            " à ",
            _recall(view, top, loss, source),
            ").",
        ]
    else:
        pieces += ["\u202f; aucune n’y perd."]
    return joined(*pieces)


def _recall(view: StudyView, run: RunRecord, label: str, source: str) -> Part:
    row = next(row for row in run.per_class if row.label == label)
    return Part(text=shown(row.recall), href=view.run_href(source, run), title=trace(run))


def weakest(view: StudyView, run: RunRecord, source: str) -> Sentence:
    """The class that a case recognises least, and its most frequent confusion."""
    rows = [row for row in run.per_class if row.recall.value is not None]
    if not rows:
        return ()
    row = min(rows, key=lambda row: row.recall.value or 0.0)
    pieces: list[str | Part | Sentence] = [
        f"Pour {view.said(run)}, la catégorie la moins bien reconnue est ",
        f"{wording.quote(row.label)} (rappel de ",
        _recall(view, run, row.label, source),
        ")",
    ]
    found = largest_confusion(run)
    if found is not None:
        true, guess, times = found
        pieces.append(
            f"\u202f; la confusion la plus fréquente prend {wording.quote(true)} pour "
            f"{wording.quote(guess)} ({wording.plural(times, 'photo')})"
        )
    return joined(*pieces, ".")


def largest_confusion(run: RunRecord) -> tuple[str, str, int] | None:
    """The off-diagonal cell of highest count (true class, predicted class, count), if any."""
    cells = [
        (times, -i, -j)
        for i, row in enumerate(run.confusion)
        for j, times in enumerate(row)
        if i != j and times
    ]
    if not cells:
        return None
    times, i, j = max(cells)
    return run.classes[-i], run.classes[-j], times


def against_chance(view: StudyView) -> Sentence:
    """Whether every case does better than a draw."""
    chance = wording.percent(view.chance)
    near = [
        wording.quote(view.case_title(run))
        for run in view.scored
        if (found := run.metric("accuracy")) is None
        or found.low is None
        or found.low <= view.chance
    ]
    if not view.scored:
        return ()
    if not near:
        return joined(
            f"Tous les cas font mieux que le hasard ({chance}), qui est hors de leurs intervalles."
        )
    verb = "se distinguent" if len(near) > 1 else "se distingue"
    return joined(f"{wording.listing(near)} ne {verb} pas du hasard ({chance}).")


def against_reference(view: StudyView, source: str) -> tuple[Sentence, ...]:
    """For each published system, the measured case that stands beside it."""
    reference = view.reference
    sentences = []
    for system in reference.systems if reference else ():
        run = best(view.measured(system))
        if run is None:
            continue
        gap = value(run, "accuracy") - system.accuracy
        sentences.append(
            joined(
                f"Les diapositives annoncent {wording.percent(system.accuracy)} pour "
                f"{wording.quote(wording.typeset(system.title))}\u202f; le meilleur cas "
                f"mesuré ici dans la même situation, {wording.quote(view.case_title(run))}, "
                "atteint ",
                number(view, run, source),
                f" ({wording.points(gap)}).",
            )
        )
    return tuple(sentences)


def without_empty(sentences: Iterable[Sentence]) -> tuple[Sentence, ...]:
    """The sentences that say something."""
    return tuple(sentence for sentence in sentences if sentence)
