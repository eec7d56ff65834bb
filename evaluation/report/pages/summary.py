"""The first screen of a study: question, answer, one figure, and where to go next."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records import FAMILIES, RunRecord
from evaluation.report.kit import charts, links, wording
from evaluation.report.kit.charts import Bar, Chart, Key
from evaluation.report.kit.language import foreign, nt, t
from evaluation.report.kit.page import Fact, Link
from evaluation.report.kit.sentence import Sentence
from evaluation.report.kit.tables import Cell, Table, head, measured, simple
from evaluation.report.study.findings import headlines
from evaluation.report.study.here import Here
from evaluation.report.study.scores import right_href, share_cell
from evaluation.report.study.sentences import answer
from evaluation.report.study.view import Absence, StudyView, bounds, shown, trace, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A study in one screen; the home page shows one for each."""

    name: str
    anchor: str
    title: str
    question: str
    measured_on: str
    """How many photos, and when."""
    question_lang: str
    """Language of the question where it is not that of the page."""
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


def summary(here: Here) -> Summary:
    """The first screen of ``view``, as it stands on page ``source``."""
    view = here.view
    return Summary(
        name=view.study.name,
        anchor=links.slug(view.study.name),
        title=view.title,
        question=view.question,
        measured_on=_measured_on(view),
        question_lang=foreign(view.study.question),
        answer=answer(here),
        findings=headlines(here),
        chart=interval_chart(here) if view.scored else None,
        facts=_facts(here),
        links=_links(here),
        absences=here.absences(),
        home=Link(
            text=t("L’étude {title} en détail", title=wording.quote(view.title)),
            href=here.to("index"),
        ),
    )


def build(here: Here) -> Summary:
    """The study's first page."""
    return summary(here)


def _measured_on(view: StudyView) -> str:
    photos = nt(view.test_images, "{n} photo de test", "{n} photos de test")
    if view.last_run is None:
        return photos
    return t("{photos}, {date}", photos=photos, date=wording.date(view.last_run))


def _facts(here: Here) -> tuple[Fact, ...]:
    view = here.view
    data = here.to("donnees")
    facts = [
        Fact(label=t("Photos de test"), text=wording.count(view.test_images), href=data),
        Fact(label=t("Catégories"), text=wording.count(len(view.study.classes)), href=data),
        Fact(
            label=t("Cas évalués"),
            text=t(
                "{scored} sur {cases}",
                scored=wording.count(len(view.scored)),
                cases=wording.count(len(view.study.cases)),
            ),
            href=here.to("comparaison"),
        ),
    ]
    if view.last_run:
        facts.append(
            Fact(
                label=t("Dernière évaluation"),
                text=wording.date(view.last_run),
                href=here.to("methode"),
            )
        )
    return tuple(facts)


def _links(here: Here) -> tuple[Link, ...]:
    pages = [
        ("donnees", t("Voir les photos"), t("catégories, galeries, photos manquantes")),
        (
            "clip-zero-shot",
            t("Lire les textes"),
            t("ce que CLIP lit, et ce que chaque texte change"),
        ),
        ("comparaison", t("Comparer"), t("tous les cas, catégorie par catégorie")),
        ("conclusion", t("Conclure"), t("ce que les chiffres permettent de dire")),
    ]
    if here.view.explanations:
        pages.insert(3, ("explicabilite", t("Regarder"), t("ce qui, dans les photos, a compté")))
    if not here.view.zero_shot:
        del pages[1]
    return tuple(Link(text=text, href=here.to(name), hint=hint) for name, text, hint in pages)


# ------------------------------------------------------------------------- figure


def interval_chart(here: Here) -> Chart:
    """Accuracy of every case with its interval, chance, and the published figures."""
    view = here.view
    runs = sorted(view.scored, key=lambda run: -value(run, "accuracy"))
    bars = [_bar(view, run) for run in runs]
    bars += [
        Bar(
            label=t("{title}\n(diapositives)", title=wording.told(system.title)),
            kind="reference",
            value=system.accuracy,
        )
        for system in (view.reference.systems if view.reference else ())
    ]
    wide, narrow = charts.interval_plot(bars, view.chance, view.draw)
    return Chart(
        id=f"exactitude-{links.slug(view.study.name)}",
        title=t(
            "Part des {test_images} de test bien classées",
            test_images=nt(view.test_images, "{n} photo", "{n} photos"),
        ),
        alt=_alt(view, runs),
        wide=wide,
        narrow=narrow,
        keys=_keys(view, bars),
        table=_chart_table(here, runs, bars),
    )


def _bar(view: StudyView, run: RunRecord) -> Bar:
    found = run.metric("accuracy")
    return Bar(
        label=view.case_title(run).replace(" · ", "\n"),
        kind=run.model.family,
        value=value(run, "accuracy"),
        low=found.low if found else None,
        high=found.high if found else None,
        letters=_letters(view, run),
    )


def _keys(view: StudyView, bars: list[Bar]) -> tuple[Key, ...]:
    kinds = {bar.kind for bar in bars}
    keys = [
        *((family, t(sign.title), family in kinds) for family, sign in FAMILIES.items()),
        ("quoted", t("chiffre cité des diapositives"), "reference" in kinds),
        ("interval", t("intervalle à 95 %"), True),
        ("chance", t("hasard ({chance})", chance=wording.percent(view.chance)), True),
        ("letter", t("même lettre : non départagés, aucun test ne les sépare"), _tied(view)),
    ]
    return tuple(Key(kind=kind, text=text) for kind, text, present in keys if present)


def _alt(view: StudyView, runs: list[RunRecord]) -> str:
    said = []
    for run in runs:
        found = run.metric("accuracy")
        number = f"{shown(found)} {bounds(found)}".strip()
        if letters := _letters(view, run):
            number = t("{number} (groupe {letters})", number=number, letters=letters)
        said.append(t("{case_title} : {number}", case_title=view.case_title(run), number=number))
    return t(
        "Exactitude de {runs}, du meilleur au moins bon. {join}. Le hasard donnerait {chance}.",
        runs=nt(len(runs), "{n} cas", "{n} cas"),
        join=wording.sentence_case(wording.clauses(said)),
        chance=wording.percent(view.chance),
    )


def _chart_table(here: Here, runs: list[RunRecord], bars: list[Bar]) -> Table:
    view = here.view
    none = wording.DASH
    cited = wording.told(view.reference.source) if view.reference else ""
    rows: list[tuple[str | Cell, ...]] = []
    for run in runs:
        found = run.metric("accuracy")
        rows.append(
            (
                head(view.case_title(run), href=here.run(run.case)),
                share_cell(found, trace(run), href=right_href(here, run)),
                bounds(found) or none,
                _letters(view, run) or none,
                none,
            )
        )
    rows += [
        (bar.label.replace("\n", " "), none, none, none, _cited(bar.value, cited))
        for bar in bars
        if bar.kind == "reference"
    ]
    chance = measured(wording.percent(view.chance), view.chance, title=view.data_trace)
    rows.append((t("Hasard"), chance, none, none, none))
    columns = {
        t("Cas"): True,
        t("Exactitude"): True,
        t("Intervalle à 95 %"): True,
        t("Non départagés"): _tied(view),
        t("Diapositives (cité)"): view.reference is not None,
    }
    used = [i for i, shown_ in enumerate(columns.values()) if shown_]
    return simple(
        f"exactitude-{links.slug(view.study.name)}-donnees",
        t("{title} : exactitude de chaque cas, en chiffres", title=view.title),
        tuple(name for name, shown_ in columns.items() if shown_),
        (tuple(row[i] for i in used) for row in rows),
    )


def _cited(accuracy: float, source: str) -> Cell:
    return measured(wording.percent(accuracy), accuracy, title=source)


# --------------------------------------------------------------------------- ties


def _letters(view: StudyView, run: RunRecord) -> str:
    """The letters of the groups of a case, "a, b": cases that no test separates share one."""
    compared = view.comparison.comparison if view.comparison else None
    found = next(
        (one for one in (compared.cases if compared else ()) if one.case == run.case), None
    )
    return "" if found is None else ", ".join(found.groups)


def _tied(view: StudyView) -> bool:
    """Whether some cases were compared: letters then say which are tied."""
    return any(_letters(view, run) for run in view.scored)
