"""What in the photos counted: maps explained, shown, compared, and measured.

The study's page says what a map is, shows some of one case and sets cases side by side; each
case has a page of its own with all its photos, which the navigation does not name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evaluation.records import (
    EXPLAIN_METHODS,
    CaseExplanation,
    ExplainedPhoto,
    ExplainMethod,
    RunRecord,
)
from evaluation.report.kit import links, wording
from evaluation.report.kit.charts import Chart
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import Link
from evaluation.report.kit.sentence import Sentence
from evaluation.report.kit.tables import Cell, Column, Group, Row, Table, absent, head
from evaluation.report.study import explained, faithfulness, maps, suggestions
from evaluation.report.study.explained import Compared, Explained, Variant
from evaluation.report.study.here import Here
from evaluation.report.study.maps import MethodText
from evaluation.report.study.photos import WITHHELD
from evaluation.report.study.suggestions import SuggestionSection
from evaluation.report.study.view import Absence, StudyView, best, trace

_EXAMPLES = 3
"""Right and wrong answers of the study's page; the others are on the page of their case."""
_UNFOLDED = 3
"""Photos set side by side that are shown at once; the others are folded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """What the pages with maps load besides the rest of the site."""

    style: str
    script: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptChange:
    """What the texts changed, for one model."""

    title: str
    lead: str
    shown: tuple[Compared, ...]
    folded: tuple[Compared, ...]
    more: str
    """What folds them; "" when there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Across:
    """The same photos, model by model."""

    lead: str
    shown: tuple[Compared, ...]
    folded: tuple[Compared, ...]
    more: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainPage:
    """The study's page."""

    title: str
    assets: Assets
    maps: bool
    """Whether there is anything to show but failures."""
    withheld: str
    """Why no photo is shown, or ""."""
    lead: str
    """Whose photos the examples are."""
    right: tuple[Explained, ...]
    wrong: tuple[Explained, ...]
    cases: tuple[Link, ...]
    failures: tuple[Absence, ...]
    across: Across | None
    prompts: tuple[PromptChange, ...]
    suggestions: tuple[SuggestionSection, ...]
    verdicts: tuple[str, ...]
    overview: Table | None
    faithfulness: Table | None
    curves: Chart | None
    randomisation: Table | None
    randomised: tuple[Sentence, ...]
    methods: tuple[MethodText, ...]
    applies: Table | None
    """None when no case has maps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage:
    """All explained photos of a case."""

    title: str
    study: Link
    others: tuple[Link, ...]
    assets: Assets
    withheld: str
    lead: str
    right: tuple[Explained, ...]
    wrong: tuple[Explained, ...]
    verdicts: tuple[str, ...]
    faithfulness: Table | None
    curves: Chart | None


def build(here: Here) -> ExplainPage | None:
    """The study's page; None when no case was explained, or tried to be."""
    view, uri = here.view, here.uri
    failures = _failures(view)
    if not (view.explanations or view.suggestions or failures):
        return None
    run = _lead(view)
    explanation = None if run is None else view.explanations[run.case]
    right, wrong = ((), ()) if explanation is None else _sides(explanation)
    return ExplainPage(
        title=view.title,
        assets=_assets(uri),
        maps=bool(view.explanations or view.suggestions),
        withheld="" if view.photos_shown else t(WITHHELD),
        lead="" if run is None else _lead_said(view, run),
        right=_examples(here, explanation, right),
        wrong=_examples(here, explanation, wrong),
        cases=_case_links(here),
        failures=failures,
        across=_across(here),
        prompts=_prompt_changes(here),
        suggestions=suggestions.sections(here),
        verdicts=() if explanation is None else faithfulness.verdicts(explanation),
        overview=faithfulness.overview(view) if len(view.explanations) > 1 else None,
        faithfulness=None if explanation is None else faithfulness.areas(view, explanation),
        curves=None if explanation is None else faithfulness.chart(view, explanation),
        randomisation=faithfulness.randomisation_table(view),
        randomised=faithfulness.randomisation_said(here),
        methods=tuple(maps.method_text(one) for one in _methods(view)),
        applies=_applies(view) if view.explanations else None,
    )


def build_case(here: Here, case: str) -> CasePage:
    """The page of a case's explained photos."""
    view, uri = here.view, here.uri
    explanation = view.explanations[case]
    right, wrong = _sides(explanation)
    return CasePage(
        title=view.case_name(case),
        study=Link(
            text=t("Explicabilité : {study}", study=view.title),
            href=here.to("explicabilite"),
        ),
        others=tuple(
            Link(
                text=view.case_name(other),
                href=here.file(explained.case_page(view, other)),
            )
            for other in view.explanations
            if other != case
        ),
        assets=_assets(uri),
        withheld="" if view.photos_shown else t(WITHHELD),
        lead=" ".join(
            one for one in (_selection_said(explanation), _rise_said(explanation)) if one
        ),
        right=explained.photos(here, explanation, right),
        wrong=explained.photos(here, explanation, wrong),
        verdicts=faithfulness.verdicts(explanation),
        faithfulness=faithfulness.areas(view, explanation),
        curves=faithfulness.chart(view, explanation),
    )


def _assets(source: str) -> Assets:
    return Assets(
        style=links.href(source, "assets/cartes.css"),
        script=links.href(source, "assets/cartes.js"),
    )


def _failures(view: StudyView) -> tuple[Absence, ...]:
    return tuple(
        Absence(
            cases=(case,),
            title=view.case_name(case),
            href="",
            status=t("cartes plus anciennes, les dernières ont échoué")
            if case in view.explanations
            else t("sans carte"),
            reason=failure.error,
            reason_lang="en",
        )
        for case, failure in view.results.explain_failures.items()
    )


# ------------------------------------------------------------------------ examples


def _lead(view: StudyView) -> RunRecord | None:
    """The case whose photos are the examples: the best one whose texts mean something."""
    cases = tuple(run for run in view.scored if run.case in view.explanations)
    described = tuple(run for run in view.described if run in cases)
    return best(described or cases)


def _examples(
    here: Here,
    explanation: CaseExplanation | None,
    photos: Sequence[ExplainedPhoto],
) -> tuple[Explained, ...]:
    """The first of some photos of the case that gives the examples."""
    if explanation is None:
        return ()
    return explained.photos(here, explanation, photos[:_EXAMPLES])


def _lead_said(view: StudyView, run: RunRecord) -> str:
    if run.model.family == "zero-shot":
        return t(
            "Les exemples qui suivent sont ceux du cas « {case} », le plus exact de ceux "
            "qui n’ont rien appris de ces photos.",
            case=view.case_title(run),
        )
    return t(
        "Les exemples qui suivent sont ceux du cas « {case} ».",
        case=view.case_title(run),
    )


def _sides(
    explanation: CaseExplanation,
) -> tuple[tuple[ExplainedPhoto, ...], tuple[ExplainedPhoto, ...]]:
    """Right answers and wrong ones, those first that were chosen for being so."""

    def ordered(photos: Iterable[ExplainedPhoto]) -> tuple[ExplainedPhoto, ...]:
        # The others are here by lot: they are for the comparison of cases.
        return tuple(sorted(photos, key=lambda one: all(r.rule == "shared" for r in one.reasons)))

    return (
        ordered(one for one in explanation.photos if one.label == one.predicted),
        ordered(one for one in explanation.photos if one.label != one.predicted),
    )


def _case_links(here: Here) -> tuple[Link, ...]:
    view = here.view
    return tuple(
        Link(
            text=view.case_name(case),
            href=here.file(explained.case_page(view, case)),
            hint=_counted(found),
        )
        for case, found in view.explanations.items()
    )


def _counted(explanation: CaseExplanation) -> str:
    right, wrong = _sides(explanation)
    return t(
        "{right}, {wrong}",
        right=nt(len(right), "{n} réponse juste", "{n} réponses justes"),
        wrong=nt(len(wrong), "{n} erreur", "{n} erreurs"),
    )


def _selection_said(explanation: CaseExplanation) -> str:
    spec = explanation.spec
    return nt(
        len(explanation.photos),
        "{n} photo est expliquée, sur {cap} au plus. Des règles l’ont choisie, jamais le "
        "goût : pour chaque catégorie, des photos tirées au sort et communes à tous les cas "
        "({shared}), puis les erreurs les plus sûres d’elles-mêmes, les bonnes réponses les plus "
        "sûres et les moins sûres ({each} par règle) ; enfin les {confusions} confusions les "
        "plus fréquentes.",
        "{n} photos sont expliquées, sur {cap} au plus. Des règles les ont choisies, jamais le "
        "goût : pour chaque catégorie, des photos tirées au sort et communes à tous les cas "
        "({shared}), puis les erreurs les plus sûres d’elles-mêmes, les bonnes réponses les plus "
        "sûres et les moins sûres ({each} par règle) ; enfin les {confusions} confusions les "
        "plus fréquentes.",
        cap=wording.count(spec.cap),
        shared=wording.count(spec.shared_per_class),
        each=wording.count(spec.photos_per_rule),
        confusions=wording.count(spec.confusions),
    )


def _rise_said(explanation: CaseExplanation) -> str:
    """On how many photos RISE was run, where that is not all of them."""
    done = sum(any(one.method == "rise" for one in photo.maps) for photo in explanation.photos)
    if done in (0, len(explanation.photos)):
        return ""
    return nt(
        done,
        "RISE, qui lit chaque photo {masks} fois, n’explique que {n} d’entre elles.",
        "RISE, qui lit chaque photo {masks} fois, n’explique que {n} d’entre elles.",
        masks=wording.count(explanation.spec.masks),
    )


# ------------------------------------------------------------------- side by side


def _across(here: Here) -> Across | None:
    """The photos common to all cases, by the best case of each model."""
    view = here.view
    runs = _one_a_model(view)
    found = [view.explanations[run.case] for run in runs]
    ids = explained.shared(found)
    if len(runs) < 2 or not ids:  # noqa: PLR2004 - nothing to set side by side
        return None
    compared = tuple(
        _compared(
            here,
            sample,
            tuple(
                explained.variant(
                    view,
                    run,
                    sample,
                    method="rise",
                    title=view.case_title(run),
                    source=here.uri,
                )
                for run in runs
            ),
        )
        for sample in ids
    )
    rise = all(
        variant.method == maps.method_name("rise") for one in compared for variant in one.variants
    )
    lead = (
        t(
            "De chaque modèle, le cas le plus exact. Les cartes sont celles de la vraie "
            "catégorie, par RISE, seule méthode qui vaille d’un modèle à l’autre. Chacune a sa "
            "propre échelle : on y compare les endroits, non les forces."
        )
        if rise
        else t(
            "De chaque modèle, le cas le plus exact. Les cartes sont celles de la vraie "
            "catégorie, par RISE là où elle a été faite, sinon par la méthode propre du "
            "modèle : on y compare les endroits, avec prudence, et non les forces."
        )
    )
    return Across(
        lead=_cautious(lead, found, "rise"),
        shown=compared[:_UNFOLDED],
        folded=compared[_UNFOLDED:],
        more=_more(compared[_UNFOLDED:]),
    )


def _cautious(lead: str, found: Sequence[CaseExplanation], method: str) -> str:
    """The lead, and a caution where nothing shows that the method can be believed."""
    if not faithfulness.doubted(found, method):
        return lead
    caution = t(
        "Rien ne montre ici que {method} vaille mieux que les témoins : à lire avec réserve.",
        method=maps.method_name(method),
    )
    return f"{lead} {caution}"


def _more(folded: Sequence[Compared]) -> str:
    return nt(len(folded), "{n} autre photo", "{n} autres photos") if folded else ""


def _one_a_model(view: StudyView) -> tuple[RunRecord, ...]:
    cases = [run for run in view.scored if run.case in view.explanations]
    found = []
    for name in dict.fromkeys(run.model.name for run in cases):
        mine = tuple(run for run in cases if run.model.name == name)
        found.append(best(tuple(run for run in mine if run.case not in view.controls) or mine))
    return tuple(run for run in found if run is not None)


def _compared(
    here: Here, sample: str, variants: tuple[Variant, ...],
    said: tuple[str, ...] = (),
) -> Compared:  # fmt: skip
    card = here.view.cards[sample]
    right = sum(one.right for one in variants)
    return Compared(
        title=card.title or card.id,
        label=card.label,
        summary=nt(
            right,
            "« {label} » : {n} cas sur {of} a raison",
            "« {label} » : {n} cas sur {of} ont raison",
            label=card.label,
            of=wording.count(len(variants)),
        ),
        said=said,
        photo=maps.photo_picture(here, card),
        variants=variants,
    )


# ------------------------------------------------------------------------- prompts


def _prompt_changes(here: Here) -> tuple[PromptChange, ...]:
    """Of each model with several prompt sets, the photos common to all cases."""
    view = here.view
    changes = []
    cases = [run for run in view.text_cases if run.case in view.explanations and run.prompts]
    for name in dict.fromkeys(run.model.name for run in cases):
        runs = [run for run in cases if run.model.name == name]
        base = next((run for run in runs if run is view.twin(run)), runs[0])
        runs = [base, *(run for run in runs if run is not base)]
        if len(runs) > 1 and explained.shared([view.explanations[run.case] for run in runs]):
            changes.append(_prompt_change(here, runs))
    return tuple(changes)


def _prompt_change(here: Here, runs: list[RunRecord]) -> PromptChange:
    view = here.view
    found = [view.explanations[run.case] for run in runs]
    method = faithfulness.best_method(found) or "rise"

    # A control is shown, but it is not what readers ask about.
    asked = [one for one in found[1:] if one.case not in view.controls] or found[1:]

    def change(sample: str) -> float:
        """The largest change of the true class's probability, over the first prompt set."""
        before, *after = (
            explained.truth(one, explained.of(one, sample)) for one in (found[0], *asked)
        )
        return max(abs(one - before) for one in after)

    compared = tuple(
        _compared(
            here,
            sample,
            tuple(
                explained.variant(
                    view, run, sample, method=method, title=_texts(run), source=here.uri
                )
                for run in runs
            ),
            said=tuple(_change_said(view, runs[0], run, sample, method) for run in runs[1:]),
        )
        for sample in sorted(explained.shared(found), key=change, reverse=True)
    )
    return PromptChange(
        title=view.model_title(runs[0]),
        lead=_cautious(
            t(
                "Cartes de la vraie catégorie, par {method}, qui bat le plus souvent les témoins "
                "sur ce modèle. D’abord les photos dont la probabilité change le plus.",
                method=maps.method_name(method),
            )
            if any(faithfulness.score(one, method)[0] for one in found)
            else t(
                "Cartes de la vraie catégorie, par {method}. D’abord les photos dont la "
                "probabilité change le plus.",
                method=maps.method_name(method),
            ),
            found,
            method,
        ),
        shown=compared[:_UNFOLDED],
        folded=compared[_UNFOLDED:],
        more=_more(compared[_UNFOLDED:]),
    )


def _texts(run: RunRecord) -> str:
    return "" if run.prompts is None else wording.told(run.prompts.title)


def _change_said(view: StudyView, base: RunRecord, run: RunRecord, sample: str, method: str) -> str:
    """What another prompt set changes to the answer, and to where it comes from."""
    before, after = (explained.of(view.explanations[one.case], sample) for one in (base, run))
    chances = [
        explained.truth(view.explanations[one.case], photo)
        for one, photo in ((base, before), (run, after))
    ]
    values = {
        "texts": _texts(run),
        "label": before.label,
        "before": wording.percent(chances[0]),
        "after": wording.percent(chances[1]),
        "change": wording.points(chances[1] - chances[0]),
    }
    was, now = before.predicted == before.label, after.predicted == after.label
    if was == now and values["before"] == values["after"]:
        said = t(
            "Avec « {texts} », la probabilité de « {label} » reste à {after}.",
            texts=values["texts"],
            label=values["label"],
            after=values["after"],
        )
    elif now and not was:
        said = t(
            "Avec « {texts} », la probabilité de « {label} » passe de {before} "
            "à {after} ({change}), et la réponse devient juste.",
            **values,
        )
    elif was and not now:
        said = t(
            "Avec « {texts} », la probabilité de « {label} » passe de {before} "
            "à {after} ({change}), et la réponse devient fausse.",
            **values,
        )
    elif now:
        said = t(
            "Avec « {texts} », la probabilité de « {label} » passe de {before} "
            "à {after} ({change}) ; la réponse reste juste.",
            **values,
        )
    else:
        said = t(
            "Avec « {texts} », la probabilité de « {label} » passe de {before} "
            "à {after} ({change}) ; la réponse reste fausse.",
            **values,
        )
    moved = _moved(before, after, method)
    return f"{said} {moved}" if moved else said


def _moved(before: ExplainedPhoto, after: ExplainedPhoto, method: str) -> str:
    """Where the true class's map was strongest, and where it is now."""
    found = [
        next(
            (one.summary for one in photo.maps if (one.method, one.label) == (method, photo.label)),
            None,
        )
        for photo in (before, after)
    ]
    if found[0] is None or found[1] is None or found[0].empty or found[1].empty:
        return ""
    was, now = maps.region(found[0]), maps.region(found[1])
    if was == now:
        return t("Ce qui compte le plus reste {region}.", region=was)
    return t(
        "Ce qui compte le plus était {before} ; c’est maintenant {after}.",
        before=was,
        after=now,
    )


# ------------------------------------------------------------------------- methods


def _methods(view: StudyView) -> tuple[ExplainMethod, ...]:
    """The methods that some case asked for."""
    asked = {card.method for one in view.explanations.values() for card in one.methods}
    return tuple(one for one in EXPLAIN_METHODS if one in asked)


def _applies(view: StudyView) -> Table:
    """Each model (rows) and method (columns): whether it applies, and on what grid."""
    models: dict[str, CaseExplanation] = {}
    for case, one in view.explanations.items():
        models.setdefault(view.runs[case].model.name, one)
    methods = _methods(view)
    return Table(
        id="methodes-et-modeles",
        caption=t("Ce qui s’applique à quel modèle"),
        columns=(
            Column(text=t("Modèle"), numeric=False),
            *(Column(text=maps.method_name(one), numeric=False) for one in methods),
        ),
        groups=(
            Group(
                rows=tuple(
                    Row(
                        cells=(
                            head(view.model_name(name)),
                            *(_card(view, one, method) for method in methods),
                        )
                    )
                    for name, one in models.items()
                )
            ),
        ),
        note=t(
            "La grille est celle de la carte avant qu’elle soit étendue à la photo : on n’y "
            "lit rien de plus fin. Une passe est une lecture de la photo par le modèle."
        ),
        kind="plain",
    )


def _card(view: StudyView, explanation: CaseExplanation, method: ExplainMethod) -> Cell:
    card = next((one for one in explanation.methods if one.method == method), None)
    if card is None:
        return absent(t("non demandée pour ce modèle"))
    if not card.applies:
        return Cell(text=card.reason, lang="en", kind="missing")
    passes = nt(card.forward_passes, "{n} passe", "{n} passes")
    if card.grid is None:
        return Cell(text=t("oui"), note=passes)
    return Cell(
        text=t("oui"),
        note=t(
            "grille {rows} × {columns} · {passes}",
            rows=wording.count(card.grid[0]),
            columns=wording.count(card.grid[1]),
            passes=passes,
        ),
        title=card.layer or trace(view.runs[explanation.case]),
    )
