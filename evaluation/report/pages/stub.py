"""A page that a study could have and has not: what it will show, its command, and its cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from evaluation.records import DEPTH, ModelSpec
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, nt, t
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView

Step = Literal["eval", "compare", "deep", "explain", "suggest"]

COMMANDS: Mapping[Step, str] = {
    "eval": "veille eval {study}",
    "compare": "veille compare {study}",
    "deep": "veille compare {study} --deep",
    "explain": "veille explain {study}",
    "suggest": "veille suggest {study}",
}


@dataclass(frozen=True, slots=True)
class Stub:
    """What stands for a page while it has nothing to show."""

    shows: str
    """What the page will show, a message."""
    step: Callable[[StudyView], Step | None]
    """What makes it; None where nothing would."""


def _after(step: Step, needs: Callable[[StudyView], bool]) -> Callable[[StudyView], Step | None]:
    """The step, once a case is scored; an evaluation before; None where the study lacks a need."""

    def chosen(view: StudyView) -> Step | None:
        if not needs(view):
            return None
        return step if view.scored else "eval"

    return chosen


def _models(view: StudyView) -> tuple[ModelSpec, ...]:
    """Those of the scored cases, or while there are none, those that the study declares."""
    return tuple(run.model for run in view.scored) or tuple(
        card.model for card in view.study.models
    )


def _embeds(view: StudyView) -> bool:
    return any(model.embeds for model in _models(view))


def _reads_texts(view: StudyView) -> bool:
    return any(model.reads_texts for model in _models(view))


def _learns(view: StudyView) -> bool:
    return any(model.learns for model in _models(view))


def _deepened(view: StudyView) -> bool:
    """Whether the cases as they are were compared in depth: what is lacking then cannot be had."""
    found = view.comparison
    return found is not None and bool(
        found.few_shot or found.retrieval or (found.audit and found.audit.embeddings)
    )


STUBS: Mapping[str, Stub] = {
    "supervised": Stub(
        message("Ce qu’un modèle entraîné sur ces photos apprend, et ce qu’il confond."),
        lambda view: "eval" if _learns(view) and not view.supervised else None,
    ),
    "zero_shot": Stub(
        message("Les textes que le modèle lit, et ce que chacun change."),
        lambda view: "eval" if _reads_texts(view) and not view.text_cases else None,
    ),
    "explain": Stub(
        message("Où, dans les photos, se trouve ce qui a fait pencher le modèle."),
        _after("explain", _embeds),
    ),
    "suggestion": Stub(
        message("Des textes plus précis, d’après ce que la validation classe mal."),
        _after("suggest", lambda view: _reads_texts(view) and _validation(view) > 0),
    ),
    "explorer": Stub(
        message("Chaque photo de test, avec ce qu’en dit chaque cas."),
        lambda view: None if view.scored else "eval",
    ),
    "image_map": Stub(
        message("Les photos dans le plan, comme le modèle les voit."),
        lambda view: "eval" if _embeds(view) and not view.scored else None,
    ),
    "prompts": Stub(
        message("Quels textes aident, sur quelles catégories, et face à des mots au hasard."),
        _after("deep", lambda view: _reads_texts(view) and not _deepened(view)),
    ),
    "calibration": Stub(
        message("Ce que valent les probabilités, et combien de photos classer sans relecture."),
        lambda view: ("compare" if view.scored else "eval") if view.comparison is None else None,
    ),
    "few_shot": Stub(
        message("Combien de photos étiquetées il faut pour rattraper le zero-shot."),
        _after("deep", lambda view: _embeds(view) and not _deepened(view)),
    ),
    "audit": Stub(
        message("Les étiquettes douteuses, et les catégories qui se ressemblent."),
        _after("deep", lambda view: _embeds(view) and not _deepened(view)),
    ),
    "retrieval": Stub(
        message("Si le titre d’un article retrouve sa photo, et l’inverse."),
        _after("deep", lambda view: _reads_texts(view) and not _deepened(view) and _titled(view)),
    ),
}
"""Name of a page to what stands for it; of the others, the study has what they show, or no use."""


def _titled(view: StudyView) -> bool:
    return any(card.title for card in view.study.samples)


def _validation(view: StudyView) -> int:
    return sum(card.fold == "validation" for card in view.study.samples)


def build(here: Here, name: str) -> Mapping[str, str] | None:
    """What the page says, of the page of that name; None where no command would make it."""
    stub = STUBS.get(name)
    step = None if stub is None else stub.step(here.view)
    if stub is None or step is None:
        return None
    return {
        "shows": t(stub.shows),
        "command": COMMANDS[step].format(study=here.view.study.name),
        "cost": _cost(here.view, step),
    }


# ---------------------------------------------------------------------------- cost


def _cost(view: StudyView, step: Step) -> str:
    photos = nt(len(view.study.samples), "{n} photo", "{n} photos")
    if step == "eval":
        return t("Chaque modèle lit une fois {photos}, puis les retrouve dans le cache.",
                 photos=photos)  # fmt: skip
    if step == "compare":
        return t("Rien n’est encodé : les résultats enregistrés suffisent.")
    if step == "suggest":
        return nt(
            _validation(view),
            "Seule {n} photo de validation est regardée ; celles du test ne le sont pas.",
            "Seules {n} photos de validation sont regardées ; celles du test ne le sont pas.",
        )
    if step == "deep":
        passes = len(view.study.samples)
        return t(
            "Les photos déjà encodées ne le sont pas de nouveau ; sans le cache, chaque modèle "
            "en lit {photos}. {time}",
            photos=photos,
            time=_time(view, passes),
        ).strip()
    passes = DEPTH.masks * min(DEPTH.rise_photos, view.test_images)
    return t(
        "Au moins {passes} par modèle ; la commande dit d’abord ce qu’elle coûtera et, arrêtée, "
        "reprend où elle en était. {time}",
        passes=nt(passes, "{n} passage", "{n} passages"),
        time=_time(view, passes),
    ).strip()


def _time(view: StudyView, passes: int) -> str:
    """How long these passes take all models, at the speed that was measured; "" if it was not."""
    costs = {
        run.model.name: run.timings.embedding.ms_per_image
        for run in view.scored
        if run.timings.embedding is not None and run.timings.embedding.ms_per_image
    }
    if not costs:
        return ""
    seconds = sum(passes * (ms or 0.0) / 1000 for ms in costs.values())
    return t(
        "À la vitesse mesurée, cela prend {duration} en tout.", duration=wording.duration(seconds)
    )
