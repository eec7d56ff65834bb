"""Who beats whom: ranks, and the tables of every pair of cases."""

from collections.abc import Mapping
from functools import partial

from evaluation.records import CaseComparison, PairedTest
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t, word
from evaluation.report.kit.tables import (
    Cell,
    Col,
    Kind,
    Table,
    absent,
    counted,
    field,
    head,
    number,
    table,
)
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, trace_all

_KINDS: Mapping[str, Kind] = {"better": "better", "tie": "tie", "inconclusive": "open"}

_WIDE = 9
"""Cases whose intervals a page has room for with their decimals."""

_NIL = 0.005


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
    # The best and the worst rank that the case may truly have.
    span = t("vrai rang : {rank}", rank=wording.span(ranked.rank, ranked.worst_rank))
    return number(
        ranked.rank,
        "0",
        text=wording.ordinal(ranked.rank),
        tag=t("non départagé") if beside else "",
        kind="tie" if beside else "",
        note=t("groupe {join} · {span}", join=", ".join(ranked.groups), span=span),
        title=t("Aucun test ne le sépare de {listing}", listing=wording.listing(beside))
        if beside
        else t("Un test le sépare de chacun des autres"),
    )


def power_table(compared: CaseComparison) -> Table | None:
    """The chance to see a true gap, for gaps of several sizes."""
    if not compared.power:
        return None
    return table(
        "puissance",
        t("Chance de voir un écart vrai avec {n}", n=nt(compared.n, "{n} image", "{n} images")),
        compared.power,
        Col(t("Écart vrai"), lambda row: head(wording.gap(row.gap), value=row.gap)),
        Col(t("Chance qu’un test le voie"), field("power", "whole")),
        tip=trace_all(ranked.case for ranked in compared.cases),
        kind="",
    )


def matrix(here: Here, compared: CaseComparison, *, numbered: bool = True) -> Table:
    """Each case against each other; a cell leads to the photos that its row alone gets right.

    ``numbered`` heads the columns by the numbers of the rows, so that many cases fit a page.
    """
    names = {
        ranked.case: (f"{wording.count(place)}.", here.view.case_name(ranked.case))
        for place, ranked in enumerate(compared.cases, start=1)
    }

    def face_to_face(other: str, case: str) -> Cell:
        pair = here.view.pair(case, other)
        if case == other or pair is None:
            return Cell(text=wording.DASH, kind="missing")
        gap, low, high = pair.seen_from(case)
        right, wrong = pair.only_a, pair.only_b
        kind, tag = _KINDS[pair.verdict], word("verdicts", pair.verdict)
        if pair.b == case:
            right, wrong = wrong, right
            if pair.verdict == "better":
                kind, tag = "worse", t("moins bon")
        # Of many cases, a bound that would round to nothing keeps the decimal that says its sign.
        short = len(names) > _WIDE and min(abs(low), abs(high)) >= _NIL
        return number(
            gap,
            "points",
            within=(low, high),
            tag=tag,
            note=wording.interval(low, high, 0 if short else 1),
            title=t(
                "{right} que seul {case_name} classe bien, {wrong} que seul {case_name2}",
                right=nt(right, "{n} photo", "{n} photos"),
                case_name=here.name(case),
                wrong=wording.count(wrong),
                case_name2=here.name(other),
            ),
            href=here.disputed(case, other, right),
            kind=kind,
            id=here.view.pair_anchor(case, other),
        )

    return table(
        "qui-bat-qui-tableau",
        t("Écart d’exactitude du cas de la ligne sur celui de la colonne, en points"),
        names,
        Col(t("Cas"), lambda case: " ".join(names[case]), numeric=False),
        *(
            Col(name[0] if numbered else " ".join(name), partial(face_to_face, case))
            for case, name in names.items()
        ),
        kind="matrix",
    )


def pairs_table(here: Here, compared: CaseComparison) -> Table:
    """Every pair in figures, best first."""

    def only_a(pair: PairedTest) -> Cell:
        return counted(pair.only_a, href=here.disputed(pair.a, pair.b, pair.only_a))

    def only_b(pair: PairedTest) -> Cell:
        return counted(pair.only_b, href=here.disputed(pair.b, pair.a, pair.only_b))

    def smallest(pair: PairedTest) -> Cell:
        return absent() if pair.smallest_gap is None else number(pair.smallest_gap, "gap")

    return table(
        "paires",
        t("Toutes les paires, en chiffres"),
        compared.pairs,
        Col(t("Meilleur cas"), lambda pair: here.view.case_name(pair.a)),
        Col(t("Autre cas"), lambda pair: here.view.case_name(pair.b), numeric=False),
        Col(t("Écart"), field("gap", "points", ranged=True), t("points, IC 95 %")),
        Col(t("Seul le premier a raison"), only_a, t("photos")),
        Col(t("Seul le second a raison"), only_b, t("photos")),
        Col(t("p exact"), field("p_exact", "p")),
        Col("mid-p", field("p_mid", "p")),
        Col(t("p de Holm"), field("p_holm", "p")),
        Col(t("Plus petit écart visible"), smallest, t("points")),
        Col(t("Verdict"), lambda pair: word("verdicts", pair.verdict), numeric=False),
        tip=lambda pair: trace_all((pair.a, pair.b)),
    )
