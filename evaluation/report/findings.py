"""Conclusions in French, chosen by the tests: one sentence for each topic and verdict.

A sentence knows no model by name: titles come from the records, and what it may claim comes
from :class:`~evaluation.records.Finding`.  Its first number leads to the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.records import ClassGain, Finding, FindingTopic, PairedTest, PromptGain
from evaluation.report import links, wording
from evaluation.report.sentences import Part, Sentence, joined
from evaluation.report.view import StudyView, best

MEASURED: tuple[FindingTopic, ...] = ("leaders", "models", "training", "prompts", "control")

_SIDES: tuple[FindingTopic, ...] = ("models", "training")

Pieces = tuple[str | Part | Sentence, ...]


def findings(view: StudyView, source: str, *topics: FindingTopic) -> tuple[Sentence, ...]:
    """The conclusions on these topics, or on all that was measured, for page ``source``."""
    found = view.comparison.findings if view.comparison else ()
    wanted = [one for one in found if one.topic in (topics or MEASURED)]
    return tuple(tell(view, one, source) for one in wanted if not _said_by_another(one, wanted))


def _said_by_another(finding: Finding, others: Sequence[Finding]) -> bool:
    """Whether another sentence on the same pair says as much, or more.

    A leader that beats all the others beats the next one; of two leaders that nothing separates,
    it is worth more to say what they are.
    """
    twins = [one for one in others if {one.a, one.b} == {finding.a, finding.b}]
    if finding.topic in _SIDES:
        return any(one.topic == "leaders" and one.members == (one.a,) for one in twins)
    alone = finding.topic == "leaders" and set(finding.members) == {finding.a, finding.b}
    return alone and any(one.topic in _SIDES for one in twins)


def tell(view: StudyView, finding: Finding, source: str) -> Sentence:
    """One conclusion as a sentence."""
    pieces = _TELLERS[finding.topic](view, finding, source)
    first, *others = joined(*pieces, ".")
    capital = Part(text=wording.sentence_case(first.text), href=first.href, title=first.title)
    return (capital, *others)


def headlines(view: StudyView, source: str) -> tuple[Sentence, ...]:
    """What a first screen says: who leads, and what the texts of the best zero-shot case do."""
    top = best(view.described)
    found = view.comparison.findings if view.comparison else ()
    return tuple(
        tell(view, one, source)
        for one in found
        if one.topic == "leaders"
        or (one.topic in {"prompts", "control"} and top is not None and one.subject == top.case)
    )


# ------------------------------------------------------------------------- numbers


def proof(view: StudyView, finding: Finding, source: str) -> Sentence:
    """The numbers behind a claim: "(écart 8,1 points, IC 95 % [2,1 ; 14,0], p corrigé …)"."""
    gap = "même exactitude" if finding.gap == 0 else f"écart {wording.gap(finding.gap)}"
    corrected = f", {_corrected(finding.p)}" if finding.verdict == "better" else ""
    return joined("(", _evidence(view, finding, source, gap), f", {_interval(finding)}{corrected})")


def _interval(finding: Finding | ClassGain | PairedTest) -> str:
    return f"IC\u00a095\u202f% {wording.interval(finding.low, finding.high)}"


def _corrected(p: float) -> str:
    return wording.p_value(p).replace("p", f"p{wording.NBSP}corrigé", 1)


def _evidence(view: StudyView, finding: Finding, source: str, text: str) -> Part:
    """A number that leads to where it comes from."""
    if finding.topic == "quoted":
        comparison = view.page("comparaison")
        return Part(
            text=text,
            href=links.href(source, comparison, "exactitude-et-f1"),
            title="Calculé sur les comptes des diapositives",
        )
    pair = view.pair(finding.a, finding.b)
    if pair is None:
        return Part(text=text)
    return Part(
        text=text,
        href=view.pair_href(source, finding.a, finding.b),
        title=f"{wording.plural(pair.only_a, 'photo')} que seul le premier classe bien, "
        f"{wording.count(pair.only_b)} que seul le second",
    )


def _images(finding: Finding) -> str:
    return f"sur ces {wording.plural(finding.n, 'image')}"


# ------------------------------------------------------------------------- patterns


def _name(view: StudyView, case: str) -> str:
    return wording.quote(view.case_name(case))


def _texts(view: StudyView, case: str) -> str:
    """The prompt set of a case."""
    run = view.runs.get(case)
    if run is None or run.prompts is None:
        return _name(view, case)
    return wording.quote(wording.typeset(run.prompts.title))


def _model(view: StudyView, case: str) -> str:
    run = view.runs.get(case)
    return _name(view, case) if run is None else wording.quote(view.model_title(run))


def _compare(
    view: StudyView, finding: Finding, source: str, a: str, b: str, *, lead: str = ""
) -> Pieces:
    """The three verdicts on two things; ``a`` is the one ahead."""
    numbers = proof(view, finding, source)
    if finding.verdict == "better":
        return (f"{lead}{a} fait mieux que {b} ", numbers)
    if finding.verdict == "tie":
        return (f"{lead}rien ne sépare {a} de {b} {_images(finding)} ", numbers)
    return (f"{lead}on ne peut pas conclure entre {a} et {b} {_images(finding)} ", numbers)


# --------------------------------------------------------------------------- topics


def _leaders(view: StudyView, finding: Finding, source: str) -> Pieces:
    best, following = _name(view, finding.a), _name(view, finding.b)
    others = [one for one in finding.members if one not in {finding.a, finding.b}]
    named = wording.listing([_name(view, one) for one in others])
    numbers = proof(view, finding, source)
    if finding.verdict == "better":
        if not others:
            return (
                f"{best} fait mieux que tous les autres cas\u202f; le suivant est {following} ",
                numbers,
            )
        return (
            f"{best} fait mieux que {following} ",
            numbers,
            f", mais aucun test ne le sépare de {named}",
        )
    also = f"\u202f; aucun test ne sépare non plus {best} de {named}" if others else ""
    if finding.verdict == "tie":
        return (f"en tête, rien ne sépare {best} de {following} {_images(finding)} ", numbers, also)
    return (
        f"en tête, on ne peut pas conclure entre {best} et {following} {_images(finding)} ",
        numbers,
        also,
    )


def _models(view: StudyView, finding: Finding, source: str) -> Pieces:
    a, b = _name(view, finding.a), _name(view, finding.b)
    return _compare(view, finding, source, a, b, lead="chaque modèle avec ses meilleurs textes, ")


def _training(view: StudyView, finding: Finding, source: str) -> Pieces:
    def said(case: str) -> str:
        how = "entraîné" if case == finding.subject else "sans exemple"
        return f"{_name(view, case)} ({how})"

    return _compare(view, finding, source, said(finding.a), said(finding.b))


def _prompts(view: StudyView, finding: Finding, source: str) -> Pieces:
    subject = finding.subject
    base = finding.b if subject == finding.a else finding.a
    model = _model(view, subject)
    if finding.verdict == "better":
        verb = "améliorent" if subject == finding.a else "dégradent"
        return (
            f"les textes {_texts(view, subject)} {verb} {model} de ",
            _evidence(view, finding, source, wording.gap(finding.gap)),
            f" par rapport à {_texts(view, base)} ({_interval(finding)}, {_corrected(finding.p)})",
        )
    a, b = _texts(view, finding.a), _texts(view, finding.b)
    return _compare(view, finding, source, a, b, lead=f"pour {model}, ")


def _control(view: StudyView, finding: Finding, source: str) -> Pieces:
    subject, model = _texts(view, finding.subject), _model(view, finding.subject)
    words = f"mots au hasard{_as_long(view, finding)}"
    numbers = proof(view, finding, source)
    ahead = finding.subject == finding.a
    if finding.verdict == "better" and ahead:
        lead = f"pour {model}, {subject} fait mieux que des {words} "
        return (lead, numbers, "\u00a0: ce que disent ces textes compte")
    if finding.verdict == "better":
        return (f"pour {model}, {subject} fait moins bien que des {words} ", numbers)
    if finding.verdict == "tie":
        lead = f"pour {model}, rien ne sépare {subject} de {words} {_images(finding)} "
        return (lead, numbers, "\u00a0: rien ne montre que ce que disent ces textes compte")
    return (
        f"pour {model}, on ne peut pas conclure entre {subject} et des {words} ",
        f"{_images(finding)} ",
        numbers,
    )


def _as_long(view: StudyView, finding: Finding) -> str:
    """Said of random words that were drawn to be as long as the subject's texts."""
    other = finding.b if finding.subject == finding.a else finding.a
    subject, control = view.runs.get(finding.subject), view.runs.get(other)
    if subject is None or subject.prompts is None or control is None or control.prompts is None:
        return ""
    return " de même longueur" if control.prompts.like == subject.prompts.name else ""


def _quoted(view: StudyView, finding: Finding, source: str) -> Pieces:
    titles = {
        system.name: wording.quote(wording.typeset(system.title))
        for system in (view.reference.systems if view.reference else ())
    }
    a, b = (titles.get(one, wording.quote(one)) for one in (finding.a, finding.b))
    lead = "d’après les comptes des diapositives, "
    told = _compare(view, finding, source, a, b, lead=lead)
    if finding.verdict == "better":
        return (*told, ", quelles que soient les images que les deux ratent ensemble")
    return told


_TELLERS = {
    "leaders": _leaders,
    "models": _models,
    "training": _training,
    "prompts": _prompts,
    "control": _control,
    "quoted": _quoted,
}


# -------------------------------------------------------------------------- classes


def class_findings(view: StudyView, source: str) -> tuple[Sentence, ...]:
    """For each prompt set, the classes whose recall it is shown to change."""
    diagnoses = view.comparison.prompts if view.comparison else ()
    return tuple(
        class_finding(view, gain, source)
        for diagnosis in diagnoses
        for gain in diagnosis.gains
        if gain.a not in view.controls
    )


def class_finding(view: StudyView, gain: PromptGain, source: str) -> Sentence:
    """Which classes a prompt set is shown to help, and to hurt, over another."""
    shown = [row for row in gain.classes if row.p_holm < view.alpha]
    parts = [
        _shown_classes(view, gain, source, word, rows)
        for word, rows in (
            ("gain démontré", sorted((r for r in shown if r.gain > 0), key=lambda r: -r.gain)),
            ("perte démontrée", sorted((r for r in shown if r.gain < 0), key=lambda r: r.gain)),
        )
        if rows
    ]
    rest = len(gain.classes) - len(shown)
    if not shown:
        tail = (
            "aucun changement n’est démontré sur "
            f"{wording.plural(len(gain.classes), 'catégorie prise', 'catégories prises')} "
            "une à une"
        )
        parts = [joined(Part(text=tail, href=_gains_href(view, gain, source)))]
    elif rest:
        parts.append(joined(f"rien de démontré pour {_others(rest)}"))
    pieces: list[str | Sentence] = []
    for part in parts:
        pieces += [part, "\u202f; "]
    return joined(
        f"Catégorie par catégorie, {_texts(view, gain.a)} au lieu de {_texts(view, gain.b)} "
        f"({view.case_name(gain.a).partition(' · ')[0]})\u00a0: ",
        *pieces[:-1],
        ".",
    )


def _others(number: int) -> str:
    return "l’autre" if number == 1 else f"les {wording.count(number)} autres"


def _shown_classes(
    view: StudyView, gain: PromptGain, source: str, word: str, rows: list[ClassGain]
) -> Sentence:
    pieces: list[str | Part] = []
    for row in rows:
        pieces += [
            f"{wording.quote(row.label)} (",
            Part(
                text=wording.points(row.gain),
                href=_gains_href(view, gain, source),
                title=f"{_interval(row)}, {_corrected(row.p_holm)}",
            ),
            ")",
            ", ",
        ]
    return joined(f"{word} sur ", *pieces[:-1])


def _gains_href(view: StudyView, gain: PromptGain, source: str) -> str:
    return links.href(source, view.page("prompts"), gains_anchor(view, gain))


def gains_anchor(view: StudyView, gain: PromptGain) -> str:
    """Where the page of prompts shows these gains."""
    return f"gains-{view.case_slugs[gain.a]}"
