"""From the names of the classes to labels: what each thing that is read adds, step by step."""

from collections.abc import Iterator
from dataclasses import dataclass

from evaluation.records import FAMILIES, PairedTest, RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, t
from evaluation.report.kit.tables import (
    PERCENT,
    POINTS,
    Cell,
    Col,
    Table,
    absent,
    head,
    number,
    table,
)
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, trace, value

STEPS = {
    "names": message("Noms des catégories"),
    "texts": message("Textes qui décrivent"),
    "titles": message("+ titres, sans étiquette"),
    "photos": message("+ photos, sans étiquette"),
    "labels": message("Étiquettes"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A case, and its paired test against the rung below."""

    step: str
    run: RunRecord
    below: PairedTest | None


def rungs(view: StudyView) -> tuple[Rung, ...]:
    """The rungs that a study has; nothing without a label-free one.

    All have the weights and the texts of the first label-free case that reads the photo alone;
    the last is the most accurate supervised case of the same weights, or else of any.
    """
    adapted = [run for run in view.label_free if run.model.reads == ("photo",) and run.prompts]
    if not adapted:
        return ()
    texts = [run.prompts.name for run in adapted if run.prompts and not run.prompts.derive]
    found = dict(_climbed(view, adapted, texts[0] if texts else ""))
    below: RunRecord | None = None
    ladder = []
    for step in STEPS:
        if (run := found.get(step)) is None:
            continue
        pair = None if below is None else view.pair(run.case, below.case)
        ladder.append(Rung(step=step, run=run, below=pair))
        below = run
    return tuple(ladder)


def _climbed(
    view: StudyView, adapted: list[RunRecord], texts: str
) -> Iterator[tuple[str, RunRecord]]:
    weights = adapted[0].model.weights, adapted[0].model.architecture
    for run in view.zero_shot:
        if (run.model.weights, run.model.architecture) == weights and run.prompts:
            if run.prompts.name == view.baseline:
                yield "names", run
            elif run.prompts.name == texts:
                yield "texts", run
    for run in reversed(adapted):
        if run.prompts and run.prompts.name == texts and run.model.shares is None:
            yield "photos" if "photos" in run.model.adapt else "titles", run
    photo_only = [run for run in view.supervised if run.model.reads == ("photo",)]
    same = [run for run in photo_only if run.model.weights == weights[0]]
    if same or photo_only:
        yield "labels", max(same or photo_only, key=lambda run: value(run, "accuracy"))


def ladder(here: Here) -> Table | None:
    """The rungs as a table; None without a label-free case."""
    found = rungs(here.view)
    if not found:
        return None
    return table(
        "echelle",
        t("Des noms aux étiquettes : ce que chaque marche ajoute, sur les mêmes photos de test"),
        found,
        Col(
            t("Ce qui est lu"), lambda rung: head(t(STEPS[rung.step]), href=here.run(rung.run.case))
        ),
        Col(t("Famille"), lambda rung: t(FAMILIES[rung.run.model.family].title), numeric=False),
        Col(
            t("Exactitude"),
            lambda rung: number(
                rung.run.metric("accuracy"),
                PERCENT,
                title=trace(rung.run),
                href=here.right(rung.run.case),
            ),
        ),
        Col(t("Sur la marche d’avant"), _gain),
        Col(t("Ce qui est démontré"), lambda rung: _shown(here.view, rung), numeric=False),
        note=t(
            "Écart apparié et son intervalle à 95 % ; p du test de McNemar, corrigé (Holm) pour "
            "toutes les paires de cas."
        ),
    )


def _gain(rung: Rung) -> Cell:
    pair = rung.below
    if pair is None:
        return absent()
    gap, low, high = pair.seen_from(rung.run.case)
    return number(gap, POINTS, within=(low, high), title=t("comparison.json, test apparié"))


def _shown(view: StudyView, rung: Rung) -> str:
    pair = rung.below
    if pair is None:
        return ""
    if pair.p_holm >= view.alpha:
        return t("aucun écart démontré")
    gain, _, _ = pair.seen_from(rung.run.case)
    p = wording.p_value(pair.p_holm)
    return t("un gain ({p})", p=p) if gain > 0 else t("une perte ({p})", p=p)
