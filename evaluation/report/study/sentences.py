"""Sentences that the numbers choose; ``_said.jinja`` has their words, each number its run.

Of single cases what is claimed is narrow: a case beats chance when its interval says so, a class is
the weakest when no other is as weak.  That one case beats another is for tests to say: such a
sentence knows no model by name, its titles come from the records, what it may claim from
:class:`~evaluation.records.Finding`, and its first number leads to the evidence.
"""

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
    recalls = [(row.label, before.get(row.label), row.recall.value) for row in run.per_class]
    return {label: new - old for label, old, new in recalls if old is not None and new is not None}


def weakest(here: Here, run: RunRecord) -> Claim | None:
    """The class that a case recognises least, and its most frequent confusion.

    Neither is named where several are equal, nor a class where all are recognised.
    """
    least = most = None
    recalls = {row.label: row.recall for row in run.per_class if row.recall.value is not None}
    lowest = min((metric.value or 0.0 for metric in recalls.values()), default=1.0)
    labels = [label for label, metric in recalls.items() if (metric.value or 0.0) <= lowest]
    if len(labels) == 1 and lowest < 1:
        recall = Part(text=shown(recalls[labels[0]]), href=here.classes(run), title=trace(run))
        least = {"label": wording.quote(labels[0]), "recall": recall}
    if confusion := largest_confusion(run):
        truth, guess, times = confusion
        href = here.photos(run.case, truth=truth, predicted=guess)
        photos = Part(text=nt(times, "{n} photo", "{n} photos"), href=href, title=trace(run))
        most = {"truth": wording.quote(truth), "guess": wording.quote(guess), "times": photos}
    case = t("le cas {case_title}", case_title=here.name(run.case))
    return claim("weakest", case=case, least=least, most=most) if least or most else None


def largest_confusion(run: RunRecord) -> tuple[str, str, int] | None:
    """The off-diagonal cell of highest count (true class, predicted class, count).

    None where several are equal, or none is met twice.
    """
    cells = [
        (times, run.classes[i], run.classes[j])
        for i, row in enumerate(run.confusion)
        for j, times in enumerate(row)
        if i != j and times >= _TWICE
    ]
    most = max((times for times, *_ in cells), default=0)
    largest = [(truth, guess, times) for times, truth, guess in cells if times == most]
    return largest[0] if len(largest) == 1 else None


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
    view, reference = here.view, here.view.study.reference
    claims: list[Claim] = []
    for system in reference.systems if reference else ():
        if kind not in ("", system.kind):
            continue
        title, run = wording.quote(wording.told(system.title)), best(view.measured(system))
        if run is not None:
            beside = {"accuracy": system.accuracy, "title": title, "case": here.name(run.case)}
            gap = value(run, "accuracy") - system.accuracy
            claims.append(claim("beside", **beside, number=here.number(run), gap=gap))
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

    def said_by_another(finding: Finding) -> bool:
        """Whether another sentence on the same pair says as much, or more.

        A leader that beats all the others beats the next one; of two leaders that nothing
        separates, it is worth more to say what they are.
        """
        pair = {finding.a, finding.b}
        twins = [other for other in wanted if {other.a, other.b} == pair]
        if finding.topic in _SIDES:
            return any(twin.topic == "leaders" and twin.members == (twin.a,) for twin in twins)
        alone = finding.topic == "leaders" and set(finding.members) == pair
        return alone and any(twin.topic in _SIDES for twin in twins)

    return tuple(tell(here, finding) for finding in wanted if not said_by_another(finding))


def headlines(here: Here) -> tuple[Claim, ...]:
    """What a first screen says: who leads, and what the texts of the best zero-shot case do."""
    top = best(here.view.described)
    return tuple(
        tell(here, row)
        for row in here.view.concluded.findings
        if row.topic == "leaders"
        or (row.topic in {"prompts", "control"} and top and row.subject == top.case)
    )


def tell(here: Here, finding: Finding) -> Claim:
    """One conclusion: how both sides are called, and the numbers with what they rest on."""
    view, topic, subject = here.view, finding.topic, finding.subject
    other = finding.b if subject == finding.a else finding.a
    systems = view.study.reference.systems if view.study.reference else ()
    titles = {system.name: wording.told(system.title) for system in systems}

    def name(side: str) -> str:
        if topic == "quoted":
            return wording.quote(titles.get(side, side))
        return here.texts(side) if topic == "prompts" else here.name(side)

    # The gain over several draws of random words, and whether they are as long as the texts.
    control = None
    if topic == "control":
        texts, words = (run and run.prompts for run in map(view.runs.get, (subject, other)))
        as_long = bool(texts and words and words.like == texts.name)
        control = {"gain": view.concluded.control.get(subject), "as_long": as_long}
    return claim(
        "finding",
        finding=finding,
        a=name(finding.a),
        b=name(finding.b),
        ahead=subject == finding.a,
        others=[name(case) for case in finding.members if case not in {finding.a, finding.b}],
        behind=view.behind(finding),
        gap=_gap(here, finding),
        margin=view.margin,
        model=here.reader(subject),
        texts=here.texts(subject),
        base=here.texts(other),
        control=control,
    )


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
