"""Sentences made from measured numbers, each number with the run that it comes from.

What they may claim is narrow.  Where the cases were compared, two of them are said to differ
when their paired test says so.  Otherwise two accuracies are said to differ when their 95 %
intervals do not overlap, and nothing is called significant: overlap is not a paired test.
"""

from __future__ import annotations

from collections.abc import Iterable

from evaluation.records import Metric, PairedTest, RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.sentence import Part, Sentence, joined, nsay, say
from evaluation.report.kit.typography import NBSP
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, best, bounds, shown, trace, value


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


def number(here: Here, run: RunRecord, metric: str = "accuracy") -> Part:
    """A metric with its interval, linked to its run: "64,3 % [57,6 ; 70,5]"."""
    found = run.metric(metric)
    limits = bounds(found)
    text = shown(found) + (f"{NBSP}{limits}" if limits else "")
    return Part(text=text, href=here.run(run.case), title=trace(run))


def answer(here: Here) -> Sentence:
    """The study's question answered in one sentence."""
    view = here.view
    zero_shot, supervised = best(view.described), best(view.supervised)
    photos = nt(view.test_images, "{n} photo", "{n} photos")
    if zero_shot is None and supervised is None:
        return say("Aucun cas n’a encore de résultat comparable sur ces photos.")
    if zero_shot is None or supervised is None:
        only = zero_shot or supervised
        assert only is not None  # noqa: S101 - one of the two is there
        how = (
            t("Sans aucune photo d’exemple") if only.model.reads_texts else t("Après apprentissage")
        )
        return say(
            "{how}, {said} classe correctement {number} des {photos} de test.",
            how=how,
            said=view.said(only),
            number=number(here, only),
            photos=photos,
        )
    return say(
        "Sans aucune photo d’exemple, {said} classe correctement {number} "
        "des {photos} de test, contre {trained} pour {other}, qui a appris "
        "sur des photos étiquetées : {verdict}.",
        said=view.said(zero_shot),
        number=number(here, zero_shot),
        photos=photos,
        trained=number(here, supervised),
        other=view.said(supervised),
        verdict=_verdict(view, supervised, zero_shot),
    )


def _verdict(view: StudyView, one: RunRecord, other: RunRecord) -> str:
    """The gap between two cases, and whether their test, or else the intervals, separates them."""
    pair = view.pair(one.case, other.case)
    if pair is not None:
        return _tested(pair)
    gap = value(one, "accuracy") - value(other, "accuracy")
    if gap == 0:
        return t("la même exactitude")
    told = separated(one.metric("accuracy"), other.metric("accuracy"))
    means = (
        t("et les intervalles à 95 % ne se recouvrent pas")
        if told
        else t(
            "mais les intervalles à 95 % se recouvrent, et ces photos ne "
            "suffisent pas à les départager"
        )
    )
    return t("{gap} d’écart, {means}", gap=wording.gap(gap), means=means)


def _tested(pair: PairedTest) -> str:
    gap = t("même exactitude") if pair.gap == 0 else t("{gap} d’écart", gap=wording.gap(pair.gap))
    limits = t("(IC 95 % {interval})", interval=wording.interval(pair.low, pair.high))
    if pair.verdict == "better":
        return t("{gap} {limits}, et le test apparié les sépare", gap=gap, limits=limits)
    if pair.verdict == "tie":
        return t("{gap} {limits}, et rien ne les sépare sur ces images", gap=gap, limits=limits)
    return t("{gap} {limits}, et on ne peut pas conclure sur ces images", gap=gap, limits=limits)


def prompt_effects(here: Here) -> tuple[Sentence, ...]:
    """For each zero-shot model, what its best prompt set changes against the baseline."""
    view = here.view
    sentences = []
    for name in dict.fromkeys(run.model.name for run in view.zero_shot):
        runs = tuple(run for run in view.zero_shot if run.model.name == name)
        others = tuple(run for run in runs if run is not view.twin(run))
        base = view.twin(runs[0])
        top = best(others)
        if base is None or top is None or base.prompts is None or top.prompts is None:
            continue
        sentences.append(_effect(here, base, top))
    return tuple(sentences)


def _effect(here: Here, base: RunRecord, top: RunRecord) -> Sentence:
    assert base.prompts is not None  # noqa: S101 - the caller checked
    assert top.prompts is not None  # noqa: S101
    change = value(top, "accuracy") - value(base, "accuracy")
    model = here.view.model_title(top)
    texts = wording.quote(wording.told(top.prompts.title))
    names = wording.quote(wording.told(base.prompts.title))
    if change == 0:
        lead = t(
            "les textes {texts} ne changent pas l’exactitude obtenue avec {names}",
            texts=texts,
            names=names,
        )
    elif change > 0 and separated(base.metric("accuracy"), top.metric("accuracy")):
        lead = t("les textes {texts} font mieux que {names}", texts=texts, names=names)
    elif change > 0:
        lead = t("les textes {texts} arrivent devant {names}", texts=texts, names=names)
    else:
        lead = t(
            "aucun jeu de textes ne fait mieux que {names} ; le suivant est {texts}",
            names=names,
            texts=texts,
        )
    told = say(
        "Pour {model}, {lead} : {accuracy} contre {baseline}",
        model=wording.quote(model),
        lead=lead,
        accuracy=number(here, top),
        baseline=number(here, base),
    )
    if not change:
        return joined(told, ".")
    return say("{told} ; {verdict}.", told=told, verdict=_verdict(here.view, top, base))


def class_effects(here: Here) -> tuple[Sentence, ...]:
    """Which class each model's best prompt set helps most, and which it hurts most."""
    view = here.view
    sentences = []
    for name in dict.fromkeys(run.model.name for run in view.zero_shot):
        runs = tuple(run for run in view.zero_shot if run.model.name == name)
        base = view.twin(runs[0])
        top = best(tuple(run for run in runs if run is not base))
        if base is None or top is None or top.prompts is None:
            continue
        changes = recall_changes(base, top)
        if changes:
            sentences.append(_class_effect(here, base, top, changes))
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
    here: Here, base: RunRecord, top: RunRecord, changes: dict[str, float]
) -> Sentence:
    assert top.prompts is not None  # noqa: S101 - the caller checked
    gain = max(changes, key=lambda label: changes[label])
    loss = min(changes, key=lambda label: changes[label])
    recall = {
        label: say(
            "{before} à {after}",
            before=_recall(here, base, label),
            after=_recall(here, top, label),
        )
        for label in (gain, loss)
    }
    gains = (
        say(
            "c’est {label} qui y gagne le plus (rappel de {before_to_after})",
            label=wording.quote(gain),
            before_to_after=recall[gain],
        )
        if changes[gain] > 0
        else say("aucune n’y gagne")
    )
    losses = (
        say(
            "{label} y perd le plus (de {before_to_after})",
            label=wording.quote(loss),
            before_to_after=recall[loss],
        )
        if changes[loss] < 0
        else say("aucune n’y perd")
    )
    return say(
        "Catégorie par catégorie ({model}, {texts}), {gains} ; {losses}.",
        model=here.view.model_title(top),
        texts=wording.quote(wording.told(top.prompts.title)),
        gains=gains,
        losses=losses,
    )


def _recall(here: Here, run: RunRecord, label: str) -> Part:
    row = next(row for row in run.per_class if row.label == label)
    return Part(text=shown(row.recall), href=here.run(run.case), title=trace(run))


def weakest(here: Here, run: RunRecord) -> Sentence:
    """The class that a case recognises least, and its most frequent confusion."""
    rows = [row for row in run.per_class if row.recall.value is not None]
    if not rows:
        return ()
    row = min(rows, key=lambda row: row.recall.value or 0.0)
    least = say(
        "Pour {case}, la catégorie la moins bien reconnue est {label} (rappel de {recall})",
        case=here.view.said(run),
        label=wording.quote(row.label),
        recall=_recall(here, run, row.label),
    )
    found = largest_confusion(run)
    if found is None:
        return joined(least, ".")
    true, guess, times = found
    return say(
        "{least} ; la confusion la plus fréquente prend {true} pour {guess} ({times}).",
        least=least,
        true=wording.quote(true),
        guess=wording.quote(guess),
        times=nt(times, "{n} photo", "{n} photos"),
    )


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
        return say(
            "Tous les cas font mieux que le hasard ({chance}), qui est hors de leurs intervalles.",
            chance=chance,
        )
    return nsay(
        len(near),
        "{cases} ne se distingue pas du hasard ({chance}).",
        "{cases} ne se distinguent pas du hasard ({chance}).",
        cases=wording.listing(near),
        chance=chance,
    )


def against_reference(here: Here) -> tuple[Sentence, ...]:
    """For each published system, the measured case that stands beside it."""
    view = here.view
    reference = view.reference
    sentences = []
    for system in reference.systems if reference else ():
        run = best(view.measured(system))
        if run is None:
            continue
        gap = value(run, "accuracy") - system.accuracy
        sentences.append(
            say(
                "Les diapositives annoncent {accuracy} pour {title} ; le meilleur "
                "cas mesuré ici dans la même situation, {case_title}, atteint "
                "{number} ({gap}).",
                accuracy=wording.percent(system.accuracy),
                title=wording.quote(wording.told(system.title)),
                case_title=wording.quote(view.case_title(run)),
                number=number(here, run),
                gap=wording.points(gap),
            )
        )
    return tuple(sentences)


def without_empty(sentences: Iterable[Sentence]) -> tuple[Sentence, ...]:
    """The sentences that say something."""
    return tuple(sentence for sentence in sentences if sentence)
