"""The figure of a study: accuracy of every case with its interval, and the published figures."""

from functools import partial

from evaluation.records import FAMILIES, ReferenceSystem, RunRecord
from evaluation.report.kit import charts, links, wording
from evaluation.report.kit.charts import Bar, Chart, chart
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import Claim, claim
from evaluation.report.kit.tables import Cell, Col, Table, head, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, bounds, interval_said, shown, trace, value


def interval_chart(here: Here) -> Chart:
    """Accuracy of every case with its interval, chance, and the published figures."""
    view = here.view
    # Reading the title too is another question: those cases are on their own page.
    photo_only = [run for run in view.scored if run.model.reads == ("photo",)]
    runs = sorted(photo_only, key=lambda run: -value(run, "accuracy"))
    systems = view.reference.systems if view.reference else ()
    bars = [
        *(
            Bar(
                label=view.case_title(run).replace(" · ", "\n"),
                kind=run.model.family,
                value=value(run, "accuracy"),
                low=accuracy.low if accuracy else None,
                high=accuracy.high if accuracy else None,
                letters=view.letters(run.case),
            )
            for run in runs
            for accuracy in (run.metric("accuracy"),)
        ),
        *(
            Bar(label=_cited_title(system, "\n"), kind="reference", value=system.accuracy)
            for system in systems
        ),
    ]
    return chart(
        f"exactitude-{links.slug(view.study.name)}",
        partial(
            charts.interval_plot, bars, view.chance, view.ceiling.value if view.ceiling else None
        ),
        view.draw,
        title=_title(view),
        alt=_alt(view, runs),
        table=_chart_table(here, runs, systems),
        keys=_keys(view, {bar.kind for bar in bars}),
    )


def _title(view: StudyView) -> Claim:
    """What the figure shows, in so many words where tests say it."""
    leaders = (row for row in view.concluded.findings if row.topic == "leaders")
    ahead = next(leaders, None)
    return claim(
        "charted",
        photos=view.test_images,
        ahead=len(ahead.members) if ahead else 0,
        others=len(ahead.members) - 1 if ahead else 0,
        behind=view.behind(ahead) if ahead else 0,
        first=wording.quote(view.case_name(ahead.a)) if ahead else "",
    )


def _cited_title(system: ReferenceSystem, space: str = " ") -> str:
    return t("{title}{space}(diapositives)", title=wording.told(system.title), space=space)


def _keys(view: StudyView, kinds: set[str]) -> list[tuple[str, str]]:
    keys = [
        *((family, t(sign.title), family in kinds) for family, sign in FAMILIES.items()),
        ("quoted", t("chiffre cité des diapositives"), "reference" in kinds),
        ("interval", t("intervalle à 95 %"), True),
        ("chance", t("hasard ({chance})", chance=wording.percent(view.chance)), True),
        (
            "ceiling",
            t("plafond humain ({share})", share=shown(view.ceiling)),
            view.ceiling is not None,
        ),
        ("letter", t("même lettre : non départagés, aucun test ne les sépare"), view.lettered),
    ]
    return [(kind, text) for kind, text, present in keys if present]


def _alt(view: StudyView, runs: list[RunRecord]) -> str:
    cases = []
    for run in runs:
        accuracy = run.metric("accuracy")
        text = f"{shown(accuracy)} {bounds(accuracy)}".strip()
        if letters := view.letters(run.case):
            text = t("{number} (groupe {letters})", number=text, letters=letters)
        cases.append(t("{case_title} : {number}", case_title=view.case_title(run), number=text))
    if view.ceiling is not None:
        cases.append(t("plafond humain : {number}", number=interval_said(view.ceiling)))
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

    def measured(run: RunRecord) -> tuple[Cell | str, ...]:
        accuracy, href = run.metric("accuracy"), here.right(run.case)
        return (
            head(view.case_title(run), href=here.run(run.case)),
            number(accuracy, "percent", title=trace(run), href=href),
            bounds(accuracy) or none,
            view.letters(run.case) or none,
            none,
        )

    def quoted(system: ReferenceSystem) -> tuple[Cell | str, ...]:
        share = number(system.accuracy, "percent", title=source)
        return head(_cited_title(system)), none, none, none, share

    # Title, accuracy, interval, letters, quoted accuracy.
    rows = [*map(measured, runs), *map(quoted, systems)]
    chance = number(view.chance, "percent", title=view.data_trace)
    rows.append((head(t("Hasard")), chance, none, none, none))
    if view.ceiling is not None:
        people = number(view.ceiling, "percent", title="comparison.json")
        rows.append((head(t("Plafond humain")), people, bounds(view.ceiling), none, none))
    return table(
        f"exactitude-{links.slug(view.study.name)}-donnees",
        t("{title} : exactitude de chaque cas, en chiffres", title=view.title),
        rows,
        Col(t("Cas"), lambda row: row[0]),
        Col(t("Exactitude"), lambda row: row[1]),
        Col(t("Intervalle à 95 %"), lambda row: row[2]),
        Col(t("Non départagés"), lambda row: row[3], numeric=False) if view.lettered else None,
        Col(t("Diapositives (cité)"), lambda row: row[4]) if systems else None,
        kind="",
    )
