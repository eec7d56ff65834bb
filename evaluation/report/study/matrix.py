"""Who beats whom: ranks, and the tables of every pair of cases."""

from __future__ import annotations

from evaluation.records import CaseComparison, PairedTest, RankedCase
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.sentence import Sentence, say
from evaluation.report.kit.tables import (
    Cell,
    Column,
    Group,
    Kind,
    Row,
    Table,
    absent,
    exact,
    head,
    measured,
    simple,
)
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, trace_all

VERDICTS = {
    "better": message("meilleur"),
    "tie": message("équivalents"),
    "inconclusive": message("on ne sait pas"),
}
"""Of the first of a pair on the second."""


# -------------------------------------------------------------------------- ranks


def rank_cell(view: StudyView, case: str) -> Cell:
    """A case's rank, and whether a test leaves others beside it."""
    compared = view.comparison.comparison if view.comparison else None
    found = next((one for one in (compared.cases if compared else ()) if one.case == case), None)
    if compared is None or found is None:
        return Cell(text=wording.DASH, kind="missing")
    beside = [one for one in compared.cases if one != found and set(one.groups) & set(found.groups)]
    return Cell(
        text=wording.ordinal(found.rank),
        tag=t("non départagé") if beside else "",
        kind="tie" if beside else "",
        note=t("groupe {join} · {span}", join=", ".join(found.groups), span=_span(found)),
        title=t(
            "Aucun test ne le sépare de {listing}",
            listing=wording.listing([wording.quote(view.case_name(one.case)) for one in beside]),
        )
        if beside
        else t("Un test le sépare de chacun des autres"),
    )


def _span(found: RankedCase) -> str:
    if found.rank == found.worst_rank:
        return t("vrai rang : {rank}", rank=wording.count(found.rank))
    return t(
        "vrai rang : {rank} à {worst_rank}",
        rank=wording.count(found.rank),
        worst_rank=wording.count(found.worst_rank),
    )


# ---------------------------------------------------------------------- the whole


def global_test(compared: CaseComparison) -> Sentence:
    """Cochran's Q: are all accuracies equal?"""
    q = t(
        "Q de Cochran = {cochran_q}, {cochran_df} de liberté, {cochran_p}",
        cochran_q=wording.decimal(compared.cochran_q, 1),
        cochran_df=nt(compared.cochran_df, "{n} degré", "{n} degrés"),
        cochran_p=wording.p_value(compared.cochran_p),
    )
    if compared.cochran_p < compared.alpha:
        return say("Pris ensemble, les cas ne se valent pas ({q}).", q=q)
    return say("Pris ensemble, rien ne montre que les cas diffèrent ({q}).", q=q)


def sensitivity(compared: CaseComparison) -> Sentence:
    """The smallest gap that these images can show."""
    images = nt(compared.n, "{n} image", "{n} images")
    disputed = wording.percent(compared.discordance, 0)
    lead = t(
        "Deux cas se contredisent sur {disputed} des {images} (médiane des "
        "paires, l’un ayant raison et l’autre tort)",
        disputed=disputed,
        images=images,
    )
    if compared.detectable_gap is None:
        return say(
            "{lead} : à ce compte, aucun écart ne se verrait quatre fois sur "
            "cinq dans un seul test.",
            lead=lead,
        )
    return say(
        "{lead} : un test seul y voit, quatre fois sur cinq, un écart vrai "
        "de {detectable_gap}. En dessous, l’absence de différence ne "
        "prouve rien.",
        lead=lead,
        detectable_gap=wording.gap(compared.detectable_gap),
    )


def power_table(compared: CaseComparison) -> Table | None:
    """The chance to see a true gap, for gaps of several sizes."""
    if not compared.power:
        return None
    tip = trace_all(one.case for one in compared.cases)
    return simple(
        "puissance",
        t(
            "Chance de voir un écart vrai avec {n}",
            n=nt(compared.n, "{n} image", "{n} images"),
        ),
        (t("Écart vrai"), t("Chance qu’un test le voie")),
        (
            (
                head(wording.gap(one.gap), value=one.gap),
                measured(wording.percent(one.power, 0), one.power, title=tip),
            )
            for one in compared.power
        ),
        note=t(
            "Un test seul, au seuil de {alpha} ; la correction de Holm pour "
            "toutes les paires en demande davantage.",
            alpha=wording.percent(compared.alpha, 0),
        ),
    )


# ------------------------------------------------------------------------- matrix


def matrix(here: Here, compared: CaseComparison) -> Table:
    """Each case against each other; a cell leads to the photos that its row alone gets right."""
    names = [one.case for one in compared.cases]
    numbers = {case: wording.count(i) for i, case in enumerate(names, start=1)}
    return Table(
        id="qui-bat-qui-tableau",
        caption=t("Écart d’exactitude du cas de la ligne sur celui de la colonne, en points"),
        columns=(
            Column(text=t("Cas"), numeric=False),
            *(Column(text=f"{numbers[case]}. {here.view.case_name(case)}") for case in names),
        ),
        groups=(
            Group(
                rows=tuple(
                    Row(
                        cells=(
                            head(f"{numbers[one]}. {here.view.case_name(one)}"),
                            *(_face_to_face(here, one, other) for other in names),
                        )
                    )
                    for one in names
                )
            ),
        ),
        note=t(
            "Dans chaque case : l’écart, le verdict, l’intervalle à 95 % et p "
            "après correction de Holm. Le nombre mène aux photos que le cas de "
            "la ligne est seul des deux à bien classer."
        ),
        kind="matrix",
    )


def _face_to_face(here: Here, one: str, other: str) -> Cell:
    view = here.view
    pair = view.pair(one, other)
    if one == other or pair is None:
        return Cell(text=wording.DASH, kind="missing")
    ahead = pair.a == one
    gap, low, high = (
        (pair.gap, pair.low, pair.high) if ahead else (-pair.gap, -pair.high, -pair.low)
    )
    right, wrong = (pair.only_a, pair.only_b) if ahead else (pair.only_b, pair.only_a)
    kind, tag = _verdict(pair, ahead=ahead)
    return Cell(
        text=wording.signed(100 * gap),
        tag=tag,
        note=f"{wording.interval(low, high)} · {wording.p_value(pair.p_holm)}",
        title=t(
            "{right} que seul {case_name} classe bien, {wrong} que seul {case_name2}",
            right=nt(right, "{n} photo", "{n} photos"),
            case_name=wording.quote(view.case_name(one)),
            wrong=wording.count(wrong),
            case_name2=wording.quote(view.case_name(other)),
        ),
        href=_photos(here, one, other, right),
        kind=kind,
        id=view.pair_anchor(one, other),
        value=exact(gap),
        low=exact(low),
        high=exact(high),
    )


def _verdict(pair: PairedTest, *, ahead: bool) -> tuple[Kind, str]:
    title = VERDICTS[pair.verdict]
    if pair.verdict == "better":
        return ("better", t(title)) if ahead else ("worse", t("moins bon"))
    return ("tie" if pair.verdict == "tie" else "open"), t(title)


def _photos(here: Here, one: str, other: str, number: int) -> str:
    """The photos that only ``one`` gets right; "" when there are none, or no page of them."""
    if not number or not here.view.explorable(one, other):
        return ""
    return links.explorer_pair(here.view.folder, one, other, "a", source=here.uri)


# -------------------------------------------------------------------------- pairs


def pairs_table(here: Here, compared: CaseComparison) -> Table:
    """Every pair in figures, best first."""
    return Table(
        id="paires",
        caption=t("Toutes les paires, en chiffres"),
        columns=(
            Column(text=t("Meilleur cas"), numeric=False),
            Column(text=t("Autre cas"), numeric=False),
            Column(text=t("Écart"), note=t("points, IC 95 %")),
            Column(text=t("Seul le premier a raison"), note=t("photos")),
            Column(text=t("Seul le second a raison"), note=t("photos")),
            Column(text=t("p exact")),
            Column(text="mid-p"),
            Column(text=t("p de Holm")),
            Column(text=t("Plus petit écart visible"), note=t("points")),
            Column(text=t("Verdict"), numeric=False),
        ),
        groups=(Group(rows=tuple(_pair(here, one) for one in compared.pairs)),),
        note=t(
            "p exact et mid-p de McNemar, sans correction ; p de "
            "Holm tient compte de toutes les paires. Le plus petit écart "
            "visible est celui qu’un test seul aurait séparé avec autant de "
            "photos disputées."
        ),
        kind="scores",
    )


def _pair(here: Here, pair: PairedTest) -> Row:
    smallest, tip = pair.smallest_gap, trace_all((pair.a, pair.b))
    return Row(
        cells=(
            head(here.view.case_name(pair.a)),
            Cell(text=here.view.case_name(pair.b)),
            measured(
                wording.signed(100 * pair.gap),
                pair.gap,
                low=pair.low,
                high=pair.high,
                note=wording.interval(pair.low, pair.high),
                title=tip,
            ),
            Cell(
                text=wording.count(pair.only_a),
                title=tip,
                href=_photos(here, pair.a, pair.b, pair.only_a),
            ),
            Cell(
                text=wording.count(pair.only_b),
                title=tip,
                href=_photos(here, pair.b, pair.a, pair.only_b),
            ),
            *(
                measured(wording.bare_p(p), p, title=tip)
                for p in (pair.p_exact, pair.p_mid, pair.p_holm)
            ),
            absent()
            if smallest is None
            else measured(wording.decimal(100 * smallest, 1), smallest, title=tip),
            Cell(text=t(VERDICTS[pair.verdict])),
        )
    )
