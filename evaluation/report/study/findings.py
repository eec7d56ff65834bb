"""Conclusions in words, chosen by the tests: one sentence for each topic and verdict.

A sentence knows no model by name: titles come from the records, and what it may claim comes
from :class:`~evaluation.records.Finding`.  Its first number leads to the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.records import ClassGain, Finding, FindingTopic, PairedTest, PromptGain
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.sentence import Part, Sentence, Slot, joined, nsay, say
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, best

MEASURED: tuple[FindingTopic, ...] = ("leaders", "models", "training", "prompts", "control")

_SIDES: tuple[FindingTopic, ...] = ("models", "training")


def findings(here: Here, *topics: FindingTopic) -> tuple[Sentence, ...]:
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


def tell(here: Here, finding: Finding) -> Sentence:
    """One conclusion as a sentence."""
    first, *others = joined(_TELLERS[finding.topic](here, finding), ".")
    capital = Part(text=wording.sentence_case(first.text), href=first.href, title=first.title)
    return (capital, *others)


def headlines(here: Here) -> tuple[Sentence, ...]:
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


# ------------------------------------------------------------------------- numbers


def proof(here: Here, finding: Finding) -> Sentence:
    """The numbers behind a claim: "(écart 8,1 points, IC 95 % [2,1 ; 14,0], p corrigé …)"."""
    gap = (
        t("même exactitude") if finding.gap == 0 else t("écart {gap}", gap=wording.gap(finding.gap))
    )
    evidence, interval = _evidence(here, finding, gap), _interval(finding)
    if finding.verdict == "better":
        return joined("(", evidence, f", {interval}, {_corrected(finding.p)})")
    return joined("(", evidence, f", {interval})")


def _interval(finding: Finding | ClassGain | PairedTest) -> str:
    return t("IC 95 % {interval}", interval=wording.interval(finding.low, finding.high))


def _corrected(p: float) -> str:
    return wording.p_value(p, t("p corrigé"))


def _evidence(here: Here, finding: Finding, text: str) -> Part:
    """A number that leads to where it comes from."""
    if finding.topic == "quoted":
        comparison = here.view.page("comparaison")
        return Part(
            text=text,
            href=here.file(comparison, "exactitude-et-f1"),
            title=t("Calculé sur les comptes des diapositives"),
        )
    pair = here.view.pair(finding.a, finding.b)
    if pair is None:
        return Part(text=text)
    return Part(
        text=text,
        href=here.pair(finding.a, finding.b),
        title=t(
            "{only_a} que seul le premier classe bien, {only_b} que seul le second",
            only_a=nt(pair.only_a, "{n} photo", "{n} photos"),
            only_b=wording.count(pair.only_b),
        ),
    )


def _images(finding: Finding) -> str:
    return nt(finding.n, "sur cette image", "sur ces {n} images")


# ------------------------------------------------------------------------- patterns


def _compare(here: Here, finding: Finding, a: str, b: str, *, lead: str = "") -> Sentence:
    """The three verdicts on two things; ``a`` is the one ahead."""
    numbers = proof(here, finding)
    if finding.verdict == "better":
        return say("{lead}{a} fait mieux que {b} {numbers}", lead=lead, a=a, b=b, numbers=numbers)
    if finding.verdict == "tie":
        return say(
            "{lead}rien ne sépare {a} de {b}, à moins de {margin} {images} {numbers}",
            lead=lead,
            margin=here.view.margin,
            a=a,
            b=b,
            images=_images(finding),
            numbers=numbers,
        )
    return say(
        "{lead}on ne peut pas conclure entre {a} et {b} {images} {numbers}",
        lead=lead,
        a=a,
        b=b,
        images=_images(finding),
        numbers=numbers,
    )


# --------------------------------------------------------------------------- topics


def _leaders(here: Here, finding: Finding) -> Sentence:
    first, following = here.name(finding.a), here.name(finding.b)
    others = [case for case in finding.members if case not in {finding.a, finding.b}]
    named = wording.listing([here.name(other) for other in others])
    numbers = proof(here, finding)
    if finding.verdict == "better" and not others:
        return say(
            "{first} fait mieux que tous les autres cas ; le suivant est {following} {numbers}",
            first=first,
            following=following,
            numbers=numbers,
        )
    if finding.verdict == "better":
        return say(
            "{first} fait mieux que {following} {numbers}, mais aucun test ne le sépare de "
            "{others}",
            first=first,
            following=following,
            numbers=numbers,
            others=named,
        )
    # Where nothing is behind, nothing is ahead.
    lead = t("en tête, ") if here.view.behind(finding) else ""
    told = _compare(here, finding, first, following, lead=lead)
    if not others:
        return told
    return say(
        "{told} ; aucun test ne sépare non plus {first} de {others}",
        told=told,
        first=first,
        others=named,
    )


def _models(here: Here, finding: Finding) -> Sentence:
    a, b = here.name(finding.a), here.name(finding.b)
    return _compare(here, finding, a, b, lead=t("chaque modèle avec ses meilleurs textes, "))


def _training(here: Here, finding: Finding) -> Sentence:
    def said(case: str) -> str:
        how = t("entraîné") if case == finding.subject else t("sans exemple")
        return f"{here.name(case)} ({how})"

    return _compare(here, finding, said(finding.a), said(finding.b))


def _prompts(here: Here, finding: Finding) -> Sentence:
    subject = finding.subject
    base = finding.b if subject == finding.a else finding.a
    model = here.reader(subject)
    if finding.verdict != "better":
        a, b = here.texts(finding.a), here.texts(finding.b)
        return _compare(here, finding, a, b, lead=t("pour {model}, ", model=model))
    slots: dict[str, Slot] = {
        "texts": here.texts(subject),
        "model": model,
        "gap": _evidence(here, finding, wording.gap(finding.gap)),
        "base": here.texts(base),
        "proof": f"{_interval(finding)}, {_corrected(finding.p)}",
    }
    if subject == finding.a:
        return say(
            "les textes {texts} améliorent {model} de {gap} par rapport à {base} ({proof})",
            **slots,
        )
    return say(
        "les textes {texts} dégradent {model} de {gap} par rapport à {base} ({proof})", **slots
    )


def _control(here: Here, finding: Finding) -> Sentence:
    view = here.view
    slots: dict[str, Slot] = {
        "model": here.reader(finding.subject),
        "texts": here.texts(finding.subject),
        "words": _random_words(view, finding),
        "numbers": proof(here, finding),
    }
    if finding.verdict == "better" and finding.subject == finding.a:
        gain = view.concluded.control.get(finding.subject)
        if gain is None:
            return say(
                "pour {model}, {texts} fait mieux que des {words} {numbers}, sur un seul tirage "
                "de ces mots",
                **slots,
            )
        if gain.low <= 0:
            return say(
                "pour {model}, {texts} fait mieux que des {words} {numbers}, mais {draws} "
                "ne le confirment pas",
                draws=nt(gain.repetitions, "{n} tirage", "{n} tirages"),
                **slots,
            )
        return say(
            "pour {model}, {texts} fait mieux que des {words} {numbers}, et que {draws} de ces "
            "mots en moyenne : ce que disent ces textes compte",
            draws=nt(gain.repetitions, "{n} tirage", "{n} tirages"),
            **slots,
        )
    if finding.verdict == "better":
        return say("pour {model}, {texts} fait moins bien que des {words} {numbers}", **slots)
    slots["images"] = _images(finding)
    if finding.verdict == "tie":
        return say(
            "pour {model}, rien ne sépare {texts} de {words}, à moins de {margin} {images} "
            "{numbers} : rien ne montre que ce que disent ces textes compte",
            margin=view.margin,
            **slots,
        )
    return say(
        "pour {model}, on ne peut pas conclure entre {texts} et des {words} {images} {numbers}",
        **slots,
    )


def _random_words(view: StudyView, finding: Finding) -> str:
    """What random words are called: they may have been drawn as long as the subject's texts."""
    other = finding.b if finding.subject == finding.a else finding.a
    subject, control = view.runs.get(finding.subject), view.runs.get(other)
    texts = subject.prompts if subject else None
    random = control.prompts if control else None
    if texts is not None and random is not None and random.like == texts.name:
        return t("mots au hasard de même longueur")
    return t("mots au hasard")


def _quoted(here: Here, finding: Finding) -> Sentence:
    titles = {
        system.name: wording.quote(wording.told(system.title))
        for system in (here.view.reference.systems if here.view.reference else ())
    }
    a, b = (titles.get(name, wording.quote(name)) for name in (finding.a, finding.b))
    lead = t("d’après les comptes des diapositives, ")
    verdict = _compare(here, finding, a, b, lead=lead)
    if finding.verdict != "better":
        return verdict
    return say("{told}, quelles que soient les images que les deux ratent ensemble", told=verdict)


_TELLERS = {
    "leaders": _leaders,
    "models": _models,
    "training": _training,
    "prompts": _prompts,
    "control": _control,
    "quoted": _quoted,
}


# -------------------------------------------------------------------------- classes


def class_finding(here: Here, gain: PromptGain) -> Sentence:
    """Which classes a prompt set is shown to help, and to hurt, over another."""
    view = here.view
    shown = [row for row in gain.classes if row.p_holm < view.alpha]
    gained = sorted((row for row in shown if row.gain > 0), key=lambda row: -row.gain)
    lost = sorted((row for row in shown if row.gain < 0), key=lambda row: row.gain)
    parts: list[Sentence] = []
    if gained:
        rows = _shown_classes(here, gain, gained)
        parts.append(say("gain démontré sur {classes}", classes=rows))
    if lost:
        rows = _shown_classes(here, gain, lost)
        parts.append(say("perte démontrée sur {classes}", classes=rows))
    rest = len(gain.classes) - len(shown)
    if not shown:
        tail = nt(
            len(gain.classes),
            "aucun changement n’est démontré sur {n} catégorie prise une à une",
            "aucun changement n’est démontré sur {n} catégories prises une à une",
        )
        parts = [joined(Part(text=tail, href=_gains_href(here, gain)))]
    elif rest:
        parts.append(
            nsay(rest, "rien de démontré pour l’autre", "rien de démontré pour les {n} autres")
        )
    separator = wording.clauses(("", ""))
    pieces: list[Slot] = [piece for part in parts for piece in (part, separator)]
    return say(
        "Catégorie par catégorie, {texts} au lieu de {base} ({model}) : {changes}.",
        texts=here.texts(gain.a),
        base=here.texts(gain.b),
        model=view.case_name(gain.a).partition(" · ")[0],
        changes=joined(*pieces[:-1]),
    )


def _shown_classes(here: Here, gain: PromptGain, rows: list[ClassGain]) -> Sentence:
    pieces: list[Slot] = []
    for row in rows:
        points = Part(
            text=wording.points(row.gain),
            href=_gains_href(here, gain),
            title=f"{_interval(row)}, {_corrected(row.p_holm)}",
        )
        pieces += [f"{wording.quote(row.label)} (", points, ")", ", "]
    return joined(*pieces[:-1])


def _gains_href(here: Here, gain: PromptGain) -> str:
    return here.to("prompts", gains_anchor(here.view, gain))


def gains_anchor(view: StudyView, gain: PromptGain) -> str:
    """Where the page of prompts shows these gains."""
    return f"gains-{view.case_slugs[gain.a]}"
