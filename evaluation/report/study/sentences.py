"""Sentences that the numbers choose; ``_said.jinja`` has their words, each number its run.

Of single cases what is claimed is narrow: a case beats chance when its interval says so, a class is
the weakest when no other is as weak.  That one case beats another is for tests to say: such a
sentence knows no model by name, its titles come from the records, what it may claim from
:class:`~evaluation.records.Finding`, and its first number leads to the evidence.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from evaluation.records import Finding, FindingTopic, PromptGain, RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import Claim, Part, claim
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, best, shown, trace, value

_TWICE = 2
"""A confusion of one photo is nothing that recurs."""


def recall_changes(base: RunRecord, run: RunRecord) -> dict[str, float]:
    """Class to the change of its recall from ``base`` to ``run``; undefined ones left out."""
    before = {row.label: row.recall.value for row in base.per_class}
    after = {row.label: row.recall.value for row in run.per_class}
    return {
        label: new - old
        for label, new in after.items()
        if new is not None and (old := before.get(label)) is not None
    }


def weakest(here: Here, run: RunRecord) -> Claim | None:
    """The class that a case recognises least, and its most frequent confusion.

    Neither is named where several are equal, nor a class where all are recognised.
    """
    least, most = _least(here, run), _confusion(here, run)
    if not (least or most):
        return None
    return claim(
        "weakest",
        case=t("le cas {case_title}", case_title=here.name(run.case)),
        least=least,
        most=most,
    )


def _least(here: Here, run: RunRecord) -> Mapping[str, object] | None:
    recalls = {row.label: row.recall for row in run.per_class if row.recall.value is not None}
    lowest = min((metric.value or 0.0 for metric in recalls.values()), default=1.0)
    labels = [label for label, metric in recalls.items() if (metric.value or 0.0) <= lowest]
    if len(labels) != 1 or lowest >= 1:
        return None
    recall = Part(text=shown(recalls[labels[0]]), href=here.classes(run), title=trace(run))
    return {"label": wording.quote(labels[0]), "recall": recall}


def _confusion(here: Here, run: RunRecord) -> Mapping[str, object] | None:
    confusion = largest_confusion(run)
    if confusion is None:
        return None
    truth, guess, times = confusion
    href = here.photos(run.case, truth=truth, predicted=guess)
    photos = Part(text=nt(times, "{n} photo", "{n} photos"), href=href, title=trace(run))
    return {"truth": wording.quote(truth), "guess": wording.quote(guess), "times": photos}


def largest_confusion(run: RunRecord) -> tuple[str, str, int] | None:
    """The off-diagonal cell of highest count (true class, predicted class, count).

    None where several are equal, or none is met twice.
    """
    cells = sorted(
        (
            (times, i, j)
            for i, row in enumerate(run.confusion)
            for j, times in enumerate(row)
            if i != j
        ),
        reverse=True,
    )
    if not cells or cells[0][0] < _TWICE or (len(cells) > 1 and cells[1][0] == cells[0][0]):
        return None
    times, i, j = cells[0]
    return run.classes[i], run.classes[j], times


def against_chance(here: Here) -> Claim | None:
    """Whether every case does better than a draw: those that do worse, else those in doubt."""
    view = here.view
    if not view.scored:
        return None
    href = here.to("comparaison", "tous-les-cas")
    chance = Part(text=wording.percent(view.chance), href=href, title=view.data_trace)
    below, near = [], []
    for run in view.scored:
        accuracy, title = run.metric("accuracy"), wording.quote(view.case_title(run))
        if accuracy is not None and (accuracy.high or 1.0) < view.chance:
            below.append(title)
        elif accuracy is None or accuracy.low is None or accuracy.low <= view.chance:
            near.append(title)
    return claim("chance", chance=chance, below=below, near=near)


def against_reference(here: Here, kind: str = "") -> list[Claim]:
    """For each published system, or those of a kind, the measured case that stands beside it."""
    view = here.view
    claims: list[Claim] = []
    for system in view.study.reference.systems if view.study.reference else ():
        if kind not in ("", system.kind):
            continue
        title, run = wording.quote(wording.told(system.title)), best(view.measured(system))
        if run is not None:
            claims.append(
                claim(
                    "beside",
                    accuracy=system.accuracy,
                    title=title,
                    case=wording.quote(view.case_title(run)),
                    number=here.number(run),
                    gap=value(run, "accuracy") - system.accuracy,
                )
            )
        # A model whose weights are not here.
        declared = [row for row in view.results.runs if row.model.name == system.name]
        if declared and all(row.status == "unavailable" for row in declared):
            claims.append(claim("unmeasured", title=title, study=view.study.name))
    return claims


MEASURED: tuple[FindingTopic, ...] = ("leaders", "models", "training", "prompts", "control")

_SIDES: tuple[FindingTopic, ...] = ("models", "training")


def findings(here: Here, *topics: FindingTopic) -> tuple[Claim, ...]:
    """The conclusions on these topics, or on all that was measured."""
    wanted = [row for row in here.view.concluded.findings if row.topic in (topics or MEASURED)]
    return tuple(tell(here, finding) for finding in wanted if not _said_by_another(finding, wanted))


def _said_by_another(finding: Finding, others: Sequence[Finding]) -> bool:
    """Whether another sentence on the same pair says as much, or more.

    A leader that beats all the others beats the next one; of two leaders that nothing separates,
    it is worth more to say what they are.
    """
    twins = [other for other in others if {other.a, other.b} == {finding.a, finding.b}]
    if finding.topic in _SIDES:
        return any(twin.topic == "leaders" and twin.members == (twin.a,) for twin in twins)
    alone = finding.topic == "leaders" and set(finding.members) == {finding.a, finding.b}
    return alone and any(twin.topic in _SIDES for twin in twins)


def headlines(here: Here) -> tuple[Claim, ...]:
    """What a first screen says: who leads, and what the texts of the best zero-shot case do."""
    view = here.view
    top = best(view.described)
    best_case = top.case if top else ""
    return tuple(
        tell(here, finding)
        for finding in view.concluded.findings
        if finding.topic == "leaders"
        or (finding.topic in {"prompts", "control"} and finding.subject == best_case)
    )


def tell(here: Here, finding: Finding) -> Claim:
    """One conclusion: how both sides are called, and the numbers with what they rest on."""
    view, subject = here.view, finding.subject
    ahead = subject == finding.a
    other = finding.b if ahead else finding.a
    name = here.texts if finding.topic == "prompts" else here.name
    if finding.topic == "quoted":
        name = partial(_system, view)
    others = [case for case in finding.members if case not in {finding.a, finding.b}]
    return claim(
        "finding",
        finding=finding,
        a=name(finding.a),
        b=name(finding.b),
        ahead=ahead,
        others=[name(case) for case in others],
        behind=view.behind(finding),
        gap=_gap(here, finding),
        margin=view.margin,
        model=here.reader(subject),
        texts=here.texts(subject),
        base=here.texts(other),
        control=_control(view, subject, other) if finding.topic == "control" else None,
    )


def _system(view: StudyView, name: str) -> str:
    systems = view.study.reference.systems if view.study.reference else ()
    titles = (wording.told(system.title) for system in systems if system.name == name)
    return wording.quote(next(titles, name))


def _gap(here: Here, finding: Finding) -> Part:
    """The gap, which leads to where it comes from."""
    text = wording.gap(finding.gap)
    if finding.topic != "prompts" or finding.verdict != "better":
        text = t("écart {gap}", gap=text) if finding.gap else t("même exactitude")
    if finding.topic == "quoted":
        href = here.to("comparaison", "exactitude-et-f1")
        return Part(text=text, href=href, title=t("Calculé sur les comptes des diapositives"))
    pair = here.view.pair(finding.a, finding.b)
    if pair is None:
        return Part(text=text)
    title = t(
        "{only_a} que seul le premier classe bien, {only_b} que seul le second",
        only_a=nt(pair.only_a, "{n} photo", "{n} photos"),
        only_b=wording.count(pair.only_b),
    )
    return Part(text=text, href=here.pair(finding.a, finding.b), title=title)


def _control(view: StudyView, case: str, control: str) -> Mapping[str, object]:
    """The gain over several draws of random words, and whether they are as long as the texts."""
    texts, words = (run and run.prompts for run in map(view.runs.get, (case, control)))
    as_long = bool(texts and words and words.like == texts.name)
    return {"gain": view.concluded.control.get(case), "as_long": as_long}


# -------------------------------------------------------------------------- classes


def class_finding(here: Here, gain: PromptGain) -> Claim:
    """Which classes a prompt set is shown to help, and to hurt, over another."""
    shown = [row for row in gain.classes if row.p_holm < here.view.alpha]
    return claim(
        "class_gains",
        texts=here.texts(gain.a),
        base=here.texts(gain.b),
        model=here.view.case_name(gain.a).partition(" · ")[0],
        gained=sorted((row for row in shown if row.gain > 0), key=lambda row: -row.gain),
        lost=sorted((row for row in shown if row.gain < 0), key=lambda row: row.gain),
        rest=len(gain.classes) - len(shown),
        href=here.to("prompts", gains_anchor(here.view, gain)),
    )


def gains_anchor(view: StudyView, gain: PromptGain) -> str:
    """Where the page of prompts shows these gains."""
    return f"gains-{view.case_slugs[gain.a]}"
