"""The figure of a study: accuracy of every case with its interval, and the published figures."""

from collections.abc import Mapping
from functools import partial

from evaluation.records import FAMILIES, Metric, ReferenceSystem, RunRecord
from evaluation.report.kit import charts, links, wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import claim
from evaluation.report.kit.tables import Cell, Col, Table, head, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.view import bounds, interval_said, shown, trace, value


def interval_chart(here: Here) -> charts.Chart:
    """Accuracy of every case with its interval, chance, and the published figures."""
    view = here.view
    # Reading the title too is another question: those cases are on their own page.
    runs = [run for run in view.ranked if run.model.reads == ("photo",)]
    systems = view.study.reference.systems if view.study.reference else ()
    ranks = view.compared.cases if view.compared else ()
    # Cases that no test separates share a letter.
    letters = {rank.case: ", ".join(rank.groups) for rank in ranks}
    people = view.concluded.people
    ceiling = people.ceiling if people else None
    bars = [
        charts.Bar(
            label=view.case_title(run).replace(" · ", "\n"),
            kind=run.model.family,
            value=value(run, "accuracy"),
            low=accuracy.low if accuracy else None,
            high=accuracy.high if accuracy else None,
            letters=letters.get(run.case, ""),
        )
        for run in runs
        for accuracy in (run.metric("accuracy"),)
    ]
    bars += [
        charts.Bar(label=_cited_title(system, "\n"), kind="reference", value=system.accuracy)
        for system in systems
    ]
    kinds = {bar.kind for bar in bars}
    keys: dict[str, str] = {
        **{family: t(sign.title) for family, sign in FAMILIES.items() if family in kinds},
        "quoted": t("chiffre cité des diapositives") if systems else "",
        "interval": t("intervalle à 95 %"),
        "chance": t("hasard ({chance})", chance=wording.percent(view.chance)),
        "ceiling": t("plafond humain ({share})", share=shown(ceiling)) if ceiling else "",
        "letter": t("même lettre : non départagés, aucun test ne les sépare")
        if any(letters.values())
        else "",
    }
    ahead = next((row for row in view.concluded.findings if row.topic == "leaders"), None)
    return charts.chart(
        f"exactitude-{links.slug(view.study.name)}",
        partial(charts.interval_plot, bars, view.chance, ceiling.value if ceiling else None),
        view.draw,
        title=claim(
            "charted",
            photos=view.test_images,
            leaders=ahead.members if ahead else (),
            behind=view.behind(ahead) if ahead else 0,
            first=wording.quote(view.case_name(ahead.a)) if ahead else "",
        ),
        alt=_alt(here, runs, letters, ceiling),
        table=_table(here, runs, letters, ceiling),
        keys=((kind, text) for kind, text in keys.items() if text),
    )


def _cited_title(system: ReferenceSystem, space: str = " ") -> str:
    return t("{title}{space}(diapositives)", title=wording.told(system.title), space=space)


def _alt(
    here: Here, runs: list[RunRecord], letters: Mapping[str, str], ceiling: Metric | None
) -> str:
    cases = []
    for run in runs:
        accuracy, title = run.metric("accuracy"), here.view.case_title(run)
        text = f"{shown(accuracy)} {bounds(accuracy)}".strip()
        if group := letters.get(run.case):
            text = t("{number} (groupe {letters})", number=text, letters=group)
        cases.append(t("{case_title} : {number}", case_title=title, number=text))
    if ceiling is not None:
        cases.append(t("plafond humain : {number}", number=interval_said(ceiling)))
    return t(
        "Exactitude de {runs}, du meilleur au moins bon. {join}. Le hasard donnerait {chance}.",
        runs=nt(len(runs), "{n} cas", "{n} cas"),
        join=wording.sentence_case(wording.clauses(cases)),
        chance=wording.percent(here.view.chance),
    )


def _table(
    here: Here, runs: list[RunRecord], letters: Mapping[str, str], ceiling: Metric | None
) -> Table:
    view, reference, none = here.view, here.view.study.reference, wording.DASH
    # Title, accuracy, interval, letters, quoted accuracy.
    rows: list[tuple[Cell | str, ...]] = []
    for run in runs:
        accuracy, name = run.metric("accuracy"), head(view.case_title(run), href=here.run(run.case))
        share = number(accuracy, "percent", title=trace(run), href=here.right(run.case))
        rows.append((name, share, bounds(accuracy) or none, letters.get(run.case) or none, none))
    for system in reference.systems if reference else ():
        source = wording.told(reference.source) if reference else ""
        share = number(system.accuracy, "percent", title=source)
        rows.append((head(_cited_title(system)), none, none, none, share))
    chance = number(view.chance, "percent", title=view.data_trace)
    rows.append((head(t("Hasard")), chance, none, none, none))
    if ceiling is not None:
        share = number(ceiling, "percent", title="comparison.json")
        rows.append((head(t("Plafond humain")), share, bounds(ceiling), none, none))
    lettered = any(letters.values())
    quoted = reference is not None and bool(reference.systems)
    return table(
        f"exactitude-{links.slug(view.study.name)}-donnees",
        t("{title} : exactitude de chaque cas, en chiffres", title=view.title),
        rows,
        Col(t("Cas"), lambda row: row[0]),
        Col(t("Exactitude"), lambda row: row[1]),
        Col(t("Intervalle à 95 %"), lambda row: row[2]),
        Col(t("Non départagés"), lambda row: row[3], numeric=False) if lettered else None,
        Col(t("Diapositives (cité)"), lambda row: row[4]) if quoted else None,
        kind="",
    )
