"""Who beats whom: ranks, and the tables of every pair of cases."""

from __future__ import annotations

from evaluation.records import CaseComparison, PairedTest, RankedCase
from evaluation.report import links, wording
from evaluation.report.sentences import Sentence, joined
from evaluation.report.tables import Cell, Column, Group, Kind, Row, Table, head, simple
from evaluation.report.view import StudyView

VERDICTS = {"better": "meilleur", "tie": "égalité", "inconclusive": "on ne sait pas"}
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
        text=_ordinal(found.rank),
        tag="ex æquo" if beside else "",
        kind="tie" if beside else "",
        note=f"groupe {', '.join(found.groups)} · {_span(found)}",
        title="Aucun test ne le sépare de "
        f"{wording.listing([wording.quote(view.case_name(one.case)) for one in beside])}"
        if beside
        else "Un test le sépare de chacun des autres",
    )


def _ordinal(rank: int) -> str:
    return "1er" if rank == 1 else f"{wording.count(rank)}e"


def _span(found: RankedCase) -> str:
    if found.rank == found.worst_rank:
        return f"vrai rang{wording.NBSP}: {wording.count(found.rank)}"
    return (
        f"vrai rang{wording.NBSP}: {wording.count(found.rank)} à {wording.count(found.worst_rank)}"
    )


# ---------------------------------------------------------------------- the whole


def global_test(compared: CaseComparison) -> Sentence:
    """Cochran's Q: are all accuracies equal?"""
    q = (
        f"Q de Cochran{wording.NBSP}= {wording.decimal(compared.cochran_q, 1)}, "
        f"{wording.plural(compared.cochran_df, 'degré', 'degrés')} de liberté, "
        f"{wording.p_value(compared.cochran_p)}"
    )
    if compared.cochran_p < compared.alpha:
        return joined(f"Pris ensemble, les cas ne se valent pas ({q}).")
    return joined(f"Pris ensemble, rien ne montre que les cas diffèrent ({q}).")


def sensitivity(compared: CaseComparison) -> Sentence:
    """The smallest gap that these images can show."""
    images = wording.plural(compared.n, "image")
    disputed = wording.percent(compared.discordance, 0)
    lead = (
        f"Deux cas se contredisent sur {disputed} des {images} (médiane des paires, l’un ayant "
        "raison et l’autre tort)"
    )
    if compared.detectable_gap is None:
        return joined(
            f"{lead}\u00a0: à ce compte, aucun écart ne se verrait quatre fois sur cinq dans un "
            "seul test."
        )
    return joined(
        f"{lead}\u00a0: un test seul y voit, quatre fois sur cinq, un écart vrai de "
        f"{wording.gap(compared.detectable_gap)}. En dessous, l’absence de différence ne prouve "
        "rien."
    )


def power_table(compared: CaseComparison) -> Table | None:
    """The chance to see a true gap, for gaps of several sizes."""
    if not compared.power:
        return None
    return simple(
        "puissance",
        f"Chance de voir un écart vrai avec {wording.plural(compared.n, 'image')}",
        ("Écart vrai", "Chance qu’un test le voie"),
        tuple((wording.gap(one.gap), wording.percent(one.power, 0)) for one in compared.power),
        note="Un test seul, au seuil de "
        f"{wording.percent(compared.alpha, 0)}\u202f; la correction de Holm pour toutes les paires "
        "en demande davantage.",
    )


# ------------------------------------------------------------------------- matrix


def matrix(view: StudyView, compared: CaseComparison, source: str) -> Table:
    """Each case against each other; a cell leads to the photos that its row alone gets right."""
    names = [one.case for one in compared.cases]
    numbers = {case: wording.count(i) for i, case in enumerate(names, start=1)}
    return Table(
        id="qui-bat-qui-tableau",
        caption="Écart d’exactitude du cas de la ligne sur celui de la colonne, en points",
        columns=(
            Column(text="Cas", numeric=False),
            *(Column(text=f"{numbers[case]}. {view.case_name(case)}") for case in names),
        ),
        groups=(
            Group(
                rows=tuple(
                    Row(
                        cells=(
                            head(f"{numbers[one]}. {view.case_name(one)}"),
                            *(_face_to_face(view, one, other, source) for other in names),
                        )
                    )
                    for one in names
                )
            ),
        ),
        note="Dans chaque case\u00a0: l’écart, le verdict, l’intervalle à 95\u202f% et p après "
        "correction de Holm. Le nombre mène aux photos que le cas de la ligne est seul des deux à "
        "bien classer.",
        kind="matrix",
    )


def _face_to_face(view: StudyView, one: str, other: str, source: str) -> Cell:
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
        title=f"{wording.plural(right, 'photo')} que seul {wording.quote(view.case_name(one))} "
        f"classe bien, {wording.count(wrong)} que seul {wording.quote(view.case_name(other))}",
        href=_photos(view, one, other, right, source),
        kind=kind,
        id=view.pair_anchor(one, other),
    )


def _verdict(pair: PairedTest, *, ahead: bool) -> tuple[Kind, str]:
    if pair.verdict == "better":
        return ("better", "meilleur") if ahead else ("worse", "moins bon")
    return ("tie", "égalité") if pair.verdict == "tie" else ("open", "on ne sait pas")


def _photos(view: StudyView, one: str, other: str, number: int, source: str) -> str:
    """The photos that only ``one`` gets right; "" when there are none, or no page of them."""
    if not number or not view.explorable(one, other):
        return ""
    return links.explorer_pair(view.folder, one, other, "a", source=source)


# -------------------------------------------------------------------------- pairs


def pairs_table(view: StudyView, compared: CaseComparison, source: str) -> Table:
    """Every pair in figures, best first."""
    return Table(
        id="paires",
        caption="Toutes les paires, en chiffres",
        columns=(
            Column(text="Meilleur cas", numeric=False),
            Column(text="Autre cas", numeric=False),
            Column(text="Écart", note="points, IC\u00a095\u202f%"),
            Column(text="Seul le premier a raison", note="photos"),
            Column(text="Seul le second a raison", note="photos"),
            Column(text="p exact"),
            Column(text="p médian"),
            Column(text="p de Holm"),
            Column(text="Plus petit écart visible", note="points"),
            Column(text="Verdict", numeric=False),
        ),
        groups=(Group(rows=tuple(_pair(view, one, source) for one in compared.pairs)),),
        note="p exact et p médian (mid-p) de McNemar, sans correction\u202f; p de Holm tient "
        "compte de toutes les paires. Le plus petit écart visible est celui qu’un test seul aurait "
        "séparé avec autant de photos disputées.",
        kind="scores",
    )


def _pair(view: StudyView, pair: PairedTest, source: str) -> Row:
    smallest = pair.smallest_gap
    return Row(
        cells=(
            head(view.case_name(pair.a)),
            Cell(text=view.case_name(pair.b)),
            Cell(
                text=wording.signed(100 * pair.gap),
                note=wording.interval(pair.low, pair.high),
            ),
            Cell(
                text=wording.count(pair.only_a),
                href=_photos(view, pair.a, pair.b, pair.only_a, source),
            ),
            Cell(
                text=wording.count(pair.only_b),
                href=_photos(view, pair.b, pair.a, pair.only_b, source),
            ),
            *(Cell(text=wording.bare_p(p)) for p in (pair.p_exact, pair.p_mid, pair.p_holm)),
            Cell(text=wording.DASH if smallest is None else wording.decimal(100 * smallest, 1)),
            Cell(text=VERDICTS[pair.verdict]),
        )
    )
