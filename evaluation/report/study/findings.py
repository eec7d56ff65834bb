"""Conclusions, chosen by the tests: ``_said.jinja`` has a sentence for each topic and verdict.

A sentence knows no model by name: titles come from the records, and what it may claim comes
from :class:`~evaluation.records.Finding`.  Its first number leads to the evidence.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from evaluation.records import Finding, FindingTopic, PromptGain
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import Claim, Part, claim
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, best

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
    """A published system between quotation marks."""
    systems = view.reference.systems if view.reference else ()
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
