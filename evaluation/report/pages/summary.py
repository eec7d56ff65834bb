"""The first screen of a study: question, answer, one figure, and where to go next."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records import RunRecord
from evaluation.report import charts, links, wording
from evaluation.report.charts import Bar, Chart, Key
from evaluation.report.findings import headlines
from evaluation.report.pages import Fact, Link, Page
from evaluation.report.sentences import Sentence, answer
from evaluation.report.tables import Table, simple
from evaluation.report.view import Absence, StudyView, bounds, shown, value

SEPARATOR = "\u202f; "


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A study in one screen; the home page shows one for each."""

    name: str
    anchor: str
    title: str
    question: str
    answer: Sentence
    findings: tuple[Sentence, ...]
    """What the tests say first; none while the cases have not been compared."""
    chart: Chart | None
    """None when no case has a result."""
    facts: tuple[Fact, ...]
    links: tuple[Link, ...]
    absences: tuple[Absence, ...]
    home: Link
    """The study's own first page."""


def summary(view: StudyView, source: str) -> Summary:
    """The first screen of ``view``, as it stands on page ``source``."""
    return Summary(
        name=view.study.name,
        anchor=links.slug(view.study.name),
        title=view.title,
        question=view.question,
        answer=answer(view, source),
        findings=headlines(view, source),
        chart=interval_chart(view) if view.scored else None,
        facts=_facts(view, source),
        links=_links(view, source),
        absences=view.absences,
        home=Link(
            text=f"L’étude {wording.quote(view.title)} en détail",
            href=links.href(source, view.page("index")),
        ),
    )


def build(view: StudyView) -> Page:
    """The study's first page."""
    uri = view.page("index")
    return Page(uri=uri, title="Résumé", template="resume.md.jinja", model=summary(view, uri))


def _facts(view: StudyView, source: str) -> tuple[Fact, ...]:
    data = links.href(source, view.page("donnees"))
    facts = [
        Fact(label="Photos de test", text=wording.count(view.test_images), href=data),
        Fact(label="Catégories", text=wording.count(len(view.study.classes)), href=data),
        Fact(
            label="Cas évalués",
            text=f"{wording.count(len(view.scored))} sur {wording.count(len(view.study.cases))}",
            href=links.href(source, view.page("comparaison")),
        ),
    ]
    if view.last_run:
        facts.append(
            Fact(
                label="Dernière évaluation",
                text=wording.date(view.last_run),
                href=links.href(source, view.page("methode")),
            )
        )
    return tuple(facts)


def _links(view: StudyView, source: str) -> tuple[Link, ...]:
    pages = [
        ("donnees", "Voir les photos", "catégories, galeries, photos manquantes"),
        ("clip-zero-shot", "Lire les textes", "ce que CLIP lit, et ce que chaque texte change"),
        ("comparaison", "Comparer", "tous les cas, catégorie par catégorie"),
        ("conclusion", "Conclure", "ce que les chiffres permettent de dire"),
    ]
    if not view.zero_shot:
        del pages[1]
    return tuple(
        Link(text=text, href=links.href(source, view.page(name)), hint=hint)
        for name, text, hint in pages
    )


# ------------------------------------------------------------------------- figure


def interval_chart(view: StudyView) -> Chart:
    """Accuracy of every case with its interval, chance, and the published figures."""
    runs = sorted(view.scored, key=lambda run: -value(run, "accuracy"))
    bars = [_bar(view, run) for run in runs]
    beside = {system.name for run in runs if (system := view.counterpart(run)) is not None}
    alone = [
        system
        for system in (view.reference.systems if view.reference else ())
        if system.name not in beside
    ]
    bars += [
        Bar(
            label=f"{wording.typeset(system.title)}\n(diapositives)",
            kind="reference",
            value=system.accuracy,
        )
        for system in alone
    ]
    wide, narrow = charts.interval_plot(bars, view.chance, view.draw)
    return Chart(
        id=f"exactitude-{links.slug(view.study.name)}",
        title=f"Part des {wording.plural(view.test_images, 'photo')} de test bien classées",
        alt=_alt(view, runs),
        wide=wide,
        narrow=narrow,
        keys=_keys(view, bars),
        table=_chart_table(view, runs, bars),
    )


def _bar(view: StudyView, run: RunRecord) -> Bar:
    found = run.metric("accuracy")
    system = view.counterpart(run)
    return Bar(
        label=view.case_title(run).replace(" · ", "\n"),
        kind=run.model.kind,
        value=value(run, "accuracy"),
        low=found.low if found else None,
        high=found.high if found else None,
        quoted=system.accuracy if system else None,
    )


def _keys(view: StudyView, bars: list[Bar]) -> tuple[Key, ...]:
    kinds = {bar.kind for bar in bars}
    quoted = "reference" in kinds or any(bar.quoted is not None for bar in bars)
    keys = [
        ("clip", "CLIP zero-shot", "clip" in kinds),
        ("supervised", "modèle supervisé", "supervised" in kinds),
        ("quoted", "chiffre cité des diapositives", quoted),
        ("interval", "intervalle à 95\u202f%", True),
        ("chance", f"hasard ({wording.percent(view.chance)})", True),
    ]
    return tuple(Key(kind=kind, text=text) for kind, text, present in keys if present)


def _alt(view: StudyView, runs: list[RunRecord]) -> str:
    said = []
    for run in runs:
        found = run.metric("accuracy")
        said.append(f"{view.case_title(run)}\u00a0: {shown(found)} {bounds(found)}".strip())
    return (
        f"Exactitude de {wording.plural(len(runs), 'cas', 'cas')}, du meilleur au moins bon. "
        f"{wording.sentence_case(SEPARATOR.join(said))}. "
        f"Le hasard donnerait {wording.percent(view.chance)}."
    )


def _chart_table(view: StudyView, runs: list[RunRecord], bars: list[Bar]) -> Table:
    none = wording.DASH
    rows = []
    for run in runs:
        found, system = run.metric("accuracy"), view.counterpart(run)
        cited = wording.percent(system.accuracy) if system else none
        rows.append((view.case_title(run), shown(found), bounds(found) or none, cited))
    rows += [
        (bar.label.replace("\n", " "), none, none, wording.percent(bar.value))
        for bar in bars
        if bar.kind == "reference"
    ]
    rows.append(("Hasard", wording.percent(view.chance), none, none))
    columns = ("Cas", "Exactitude", "Intervalle à 95\u202f%", "Diapositives (cité)")
    used = len(columns) if view.reference else len(columns) - 1
    return simple(
        f"exactitude-{links.slug(view.study.name)}-donnees",
        f"{view.title}\u00a0: exactitude de chaque cas, en chiffres",
        columns[:used],
        tuple(row[:used] for row in rows),
    )
