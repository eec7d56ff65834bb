"""The first screen of a study: question, answer, photos, one figure, and where to go next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation.records import FAMILIES, ReferenceSystem, RunRecord
from evaluation.report.kit import charts, links, wording
from evaluation.report.kit.charts import Bar, Chart, Key
from evaluation.report.kit.language import foreign, nt, t
from evaluation.report.kit.page import Fact, Link
from evaluation.report.kit.tables import PERCENT, Col, Table, head, number, table
from evaluation.report.study.answer import first_screen
from evaluation.report.study.findings import headlines
from evaluation.report.study.here import Here
from evaluation.report.study.ladder import ladder
from evaluation.report.study.view import StudyView, bounds, shown, trace, value


def build(here: Here) -> Mapping[str, Any]:
    """The first screen of a study, on its own page or on the home page."""
    view = here.view
    return {
        "anchor": links.slug(view.study.name),
        "title": view.title,
        "question": view.question,
        "question_lang": foreign(view.study.question),
        "measured_on": _measured_on(view),
        "answer": first_screen(here),
        "findings": headlines(here),
        "chart": interval_chart(here) if view.scored else None,
        "ladder": ladder(here),
        "facts": _facts(here),
        "links": _links(here),
        "absences": here.absences(),
        "home": here.to("index"),
    }


def _measured_on(view: StudyView) -> str:
    photos = nt(view.test_images, "{n} photo de test", "{n} photos de test")
    if view.last_run is None:
        return photos
    return t("{photos}, {date}", photos=photos, date=wording.date(view.last_run))


def _facts(here: Here) -> tuple[Fact, ...]:
    view = here.view
    scored = t(
        "{scored} sur {cases}",
        scored=wording.count(len(view.scored)),
        cases=wording.count(len(view.study.cases)),
    )
    facts = [
        (t("Photos de test"), wording.count(view.test_images), "donnees"),
        (t("Catégories"), wording.count(len(view.study.classes)), "donnees"),
        (t("Cas évalués"), scored, "comparaison"),
    ]
    if view.last_run:
        facts.append((t("Dernière évaluation"), wording.date(view.last_run), "methode"))
    return tuple(Fact(label=label, text=text, href=here.to(page)) for label, text, page in facts)


def _links(here: Here) -> tuple[Link, ...]:
    view = here.view
    pages = (
        ("donnees", t("Voir les photos"), t("catégories, galeries, photos manquantes"), True),
        (
            "clip-zero-shot",
            t("Lire les textes"),
            t("ce que le modèle lit, et ce que chaque texte change"),
            bool(view.zero_shot),
        ),
        ("comparaison", t("Comparer"), t("tous les cas, catégorie par catégorie"), True),
        (
            "explicabilite",
            t("Regarder"),
            t("ce qui, dans les photos, a compté"),
            bool(view.explanations),
        ),
        ("conclusion", t("Conclure"), t("ce que les chiffres permettent de dire"), True),
    )
    return tuple(
        Link(text=text, href=here.to(page), hint=hint) for page, text, hint, there in pages if there
    )


# ------------------------------------------------------------------------- figure


def interval_chart(here: Here) -> Chart:
    """Accuracy of every case with its interval, chance, and the published figures."""
    view = here.view
    # Reading the title too is another question: those cases are on their own page.
    photo_only = [run for run in view.scored if run.model.reads == ("photo",)]
    runs = sorted(photo_only, key=lambda run: -value(run, "accuracy"))
    systems = view.reference.systems if view.reference else ()
    bars = [
        *(_bar(view, run) for run in runs),
        *(
            Bar(label=_cited_title(system, "\n"), kind="reference", value=system.accuracy)
            for system in systems
        ),
    ]
    wide, narrow = charts.interval_plot(bars, view.chance, view.draw)
    return Chart(
        id=f"exactitude-{links.slug(view.study.name)}",
        title=_chart_title(view),
        alt=_alt(view, runs),
        wide=wide,
        narrow=narrow,
        keys=_keys(view, {bar.kind for bar in bars}),
        table=_chart_table(here, runs, systems),
    )


def _chart_title(view: StudyView) -> str:
    """What the figure shows, in so many words where tests say it."""
    photos = nt(view.test_images, "{n} photo de test", "{n} photos de test")
    findings = view.comparison.findings if view.comparison else ()
    ahead = next((finding for finding in findings if finding.topic == "leaders"), None)
    if ahead is None:
        return t("Part des {photos} bien classées", photos=photos)
    if len(ahead.members) > 1:
        return t(
            "Part des {photos} bien classées : aucun test ne sépare le premier cas de {others}",
            photos=photos,
            others=nt(len(ahead.members) - 1, "{n} autre", "{n} autres"),
        )
    return t(
        "Part des {photos} bien classées : {first} fait mieux que tous les autres",
        photos=photos,
        first=wording.quote(view.case_name(ahead.a)),
    )


def _cited_title(system: ReferenceSystem, space: str = " ") -> str:
    return t("{title}{space}(diapositives)", title=wording.told(system.title), space=space)


def _bar(view: StudyView, run: RunRecord) -> Bar:
    accuracy = run.metric("accuracy")
    return Bar(
        label=view.case_title(run).replace(" · ", "\n"),
        kind=run.model.family,
        value=value(run, "accuracy"),
        low=accuracy.low if accuracy else None,
        high=accuracy.high if accuracy else None,
        letters=view.letters(run.case),
    )


def _keys(view: StudyView, kinds: set[str]) -> tuple[Key, ...]:
    keys = [
        *((family, t(sign.title), family in kinds) for family, sign in FAMILIES.items()),
        ("quoted", t("chiffre cité des diapositives"), "reference" in kinds),
        ("interval", t("intervalle à 95 %"), True),
        ("chance", t("hasard ({chance})", chance=wording.percent(view.chance)), True),
        ("letter", t("même lettre : non départagés, aucun test ne les sépare"), view.lettered),
    ]
    return tuple(Key(kind=kind, text=text) for kind, text, present in keys if present)


def _alt(view: StudyView, runs: list[RunRecord]) -> str:
    cases = []
    for run in runs:
        accuracy = run.metric("accuracy")
        text = f"{shown(accuracy)} {bounds(accuracy)}".strip()
        if letters := view.letters(run.case):
            text = t("{number} (groupe {letters})", number=text, letters=letters)
        cases.append(t("{case_title} : {number}", case_title=view.case_title(run), number=text))
    return t(
        "Exactitude de {runs}, du meilleur au moins bon. {join}. Le hasard donnerait {chance}.",
        runs=nt(len(runs), "{n} cas", "{n} cas"),
        join=wording.sentence_case(wording.clauses(cases)),
        chance=wording.percent(view.chance),
    )


def _chart_table(here: Here, runs: list[RunRecord], systems: tuple[ReferenceSystem, ...]) -> Table:
    view = here.view
    none = wording.DASH
    source = wording.told(view.reference.source) if view.reference else ""
    chance = number(view.chance, PERCENT, title=view.data_trace)
    # Title, accuracy, interval, letters, quoted accuracy.
    rows = [
        *(
            (
                head(view.case_title(run), href=here.run(run.case)),
                number(
                    run.metric("accuracy"), PERCENT, title=trace(run), href=here.right(run.case)
                ),
                bounds(run.metric("accuracy")) or none,
                view.letters(run.case) or none,
                none,
            )
            for run in runs
        ),
        *(
            (
                head(_cited_title(system)),
                none,
                none,
                none,
                number(system.accuracy, PERCENT, title=source),
            )
            for system in systems
        ),
        (head(t("Hasard")), chance, none, none, none),
    ]
    return table(
        f"exactitude-{links.slug(view.study.name)}-donnees",
        t("{title} : exactitude de chaque cas, en chiffres", title=view.title),
        rows,
        Col(t("Cas"), lambda row: row[0], numeric=False),
        Col(t("Exactitude"), lambda row: row[1]),
        Col(t("Intervalle à 95 %"), lambda row: row[2]),
        Col(t("Non départagés"), lambda row: row[3]) if view.lettered else None,
        Col(t("Diapositives (cité)"), lambda row: row[4]) if systems else None,
        kind="",
    )
