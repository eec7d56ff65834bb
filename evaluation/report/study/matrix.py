"""Who beats whom: ranks, and the tables of every pair of cases."""

from functools import partial

from evaluation.records import CaseComparison, PairedTest, RankedCase
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.tables import (
    Cell,
    Col,
    Kind,
    Table,
    absent,
    counted,
    exact,
    head,
    number,
    table,
)
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, trace_all

VERDICTS = {
    "better": message("meilleur"),
    "tie": message("équivalents"),
    "inconclusive": message("on ne sait pas"),
}
"""Of the first of a pair on the second."""

_WIDE = 9
"""Cases whose intervals a page has room for with their decimals."""

_NIL = 0.005


# -------------------------------------------------------------------------- ranks


def rank_cell(view: StudyView, case: str) -> Cell:
    """A case's rank, and whether a test leaves others beside it."""
    cases = view.compared.cases if view.compared else ()
    ranked = next((rank for rank in cases if rank.case == case), None)
    if ranked is None:
        return Cell(text=wording.DASH, kind="missing")
    beside = [
        wording.quote(view.case_name(rank.case))
        for rank in cases
        if rank != ranked and set(rank.groups) & set(ranked.groups)
    ]
    return Cell(
        text=wording.ordinal(ranked.rank),
        value=exact(ranked.rank),
        tag=t("non départagé") if beside else "",
        kind="tie" if beside else "",
        note=t("groupe {join} · {span}", join=", ".join(ranked.groups), span=_span(ranked)),
        title=t("Aucun test ne le sépare de {listing}", listing=wording.listing(beside))
        if beside
        else t("Un test le sépare de chacun des autres"),
    )


def _span(ranked: RankedCase) -> str:
    """The best and the worst rank that a case may truly have."""
    rank, worst = wording.count(ranked.rank), wording.count(ranked.worst_rank)
    if rank == worst:
        return t("vrai rang : {rank}", rank=rank)
    return t("vrai rang : {rank} à {worst_rank}", rank=rank, worst_rank=worst)


# ---------------------------------------------------------------------- the whole


def power_table(compared: CaseComparison) -> Table | None:
    """The chance to see a true gap, for gaps of several sizes."""
    if not compared.power:
        return None
    return table(
        "puissance",
        t("Chance de voir un écart vrai avec {n}", n=nt(compared.n, "{n} image", "{n} images")),
        compared.power,
        Col(t("Écart vrai"), lambda row: head(wording.gap(row.gap), value=row.gap)),
        Col(t("Chance qu’un test le voie"), lambda row: number(row.power, "whole")),
        tip=trace_all(ranked.case for ranked in compared.cases),
        kind="",
    )


# ------------------------------------------------------------------------- matrix


def matrix(here: Here, compared: CaseComparison, *, numbered: bool = True) -> Table:
    """Each case against each other; a cell leads to the photos that its row alone gets right.

    ``numbered`` heads the columns by the numbers of the rows, so that many cases fit a page.
    """
    names = {
        ranked.case: (f"{wording.count(place)}.", here.view.case_name(ranked.case))
        for place, ranked in enumerate(compared.cases, start=1)
    }
    return table(
        "qui-bat-qui-tableau",
        t("Écart d’exactitude du cas de la ligne sur celui de la colonne, en points"),
        names,
        Col(t("Cas"), lambda case: " ".join(names[case]), numeric=False),
        *(
            Col(
                names[case][0] if numbered else " ".join(names[case]),
                partial(_face_to_face, here, case, len(names) > _WIDE),
            )
            for case in names
        ),
        kind="matrix",
    )


def _face_to_face(here: Here, other: str, crowded: bool, case: str) -> Cell:
    view = here.view
    pair = view.pair(case, other)
    if case == other or pair is None:
        return Cell(text=wording.DASH, kind="missing")
    ahead = pair.a == case
    gap, low, high = pair.seen_from(case)
    right, wrong = (pair.only_a, pair.only_b) if ahead else (pair.only_b, pair.only_a)
    kind, tag = _verdict(pair, ahead=ahead)
    return Cell(
        text=wording.signed(100 * gap),
        tag=tag,
        # A bound that would round to nothing keeps the decimal that says its sign.
        note=wording.interval(low, high, 0 if crowded and min(abs(low), abs(high)) >= _NIL else 1),
        title=t(
            "{right} que seul {case_name} classe bien, {wrong} que seul {case_name2}",
            right=nt(right, "{n} photo", "{n} photos"),
            case_name=here.name(case),
            wrong=wording.count(wrong),
            case_name2=here.name(other),
        ),
        href=here.disputed(case, other, right),
        kind=kind,
        id=view.pair_anchor(case, other),
        value=exact(gap),
        low=exact(low),
        high=exact(high),
    )


def _verdict(pair: PairedTest, *, ahead: bool) -> tuple[Kind, str]:
    title = VERDICTS[pair.verdict]
    if pair.verdict == "better":
        return ("better", t(title)) if ahead else ("worse", t("moins bon"))
    return ("tie" if pair.verdict == "tie" else "open"), t(title)


# -------------------------------------------------------------------------- pairs


def pairs_table(here: Here, compared: CaseComparison) -> Table:
    """Every pair in figures, best first."""

    def alone(case: str, other: str, photos: int) -> Cell:
        return counted(photos, href=here.disputed(case, other, photos))

    def smallest(pair: PairedTest) -> Cell:
        return absent() if pair.smallest_gap is None else number(pair.smallest_gap, "gap")

    return table(
        "paires",
        t("Toutes les paires, en chiffres"),
        compared.pairs,
        Col(t("Meilleur cas"), lambda pair: here.view.case_name(pair.a)),
        Col(t("Autre cas"), lambda pair: here.view.case_name(pair.b), numeric=False),
        Col(
            t("Écart"),
            lambda pair: number(pair.gap, "points", within=(pair.low, pair.high)),
            t("points, IC 95 %"),
        ),
        Col(
            t("Seul le premier a raison"),
            lambda pair: alone(pair.a, pair.b, pair.only_a),
            t("photos"),
        ),
        Col(
            t("Seul le second a raison"),
            lambda pair: alone(pair.b, pair.a, pair.only_b),
            t("photos"),
        ),
        Col(t("p exact"), lambda pair: number(pair.p_exact, "p")),
        Col("mid-p", lambda pair: number(pair.p_mid, "p")),
        Col(t("p de Holm"), lambda pair: number(pair.p_holm, "p")),
        Col(t("Plus petit écart visible"), smallest, t("points")),
        Col(t("Verdict"), lambda pair: t(VERDICTS[pair.verdict]), numeric=False),
        tip=lambda pair: trace_all((pair.a, pair.b)),
    )
