"""How the numbers were made, and the record of every case: what it takes to repeat them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from evaluation.records import RunRecord, Threshold
from evaluation.records.metrics import METRICS
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.page import Fact, Link
from evaluation.report.kit.tables import Cell, Column, Group, Row, Table, head, measured
from evaluation.report.pages.supervised import chosen_facts
from evaluation.report.study.here import Here
from evaluation.report.study.photos import PARTS
from evaluation.report.study.view import STATUS, StudyView, metric_title

INTERVALS = {
    "wilson": message("intervalle de Wilson (1927)"),
    "wilson-clustered": message(
        "intervalle de Wilson (1927) où des photos presque identiques comptent pour une seule"
    ),
    "bootstrap-bca": message(
        "bootstrap BCa (Efron, 1987), tirages à l’intérieur de chaque catégorie"
    ),
}


_PAIRED = message(
    "Les cas sont comparés sur les mêmes photos : Q de Cochran (1950) "
    "pour l’ensemble, test de McNemar (1947), exact et mid-p "
    "(Fagerland, Lydersen et Laake, 2013), pour chaque paire, avec la "
    "correction de Holm (1979) ; l’intervalle de chaque écart est "
    "celui de Tango (1998). Les lettres des groupes suivent Piepho "
    "(2004), la fourchette du vrai rang Mogstad, Romano, Shaikh et "
    "Wilhelm (2024)."
)
_CLUSTERED = message(
    "Des photos presque identiques comptent pour une seule : le test "
    "change le signe de groupes entiers, et l’intervalle tient compte "
    "de leur effet de plan."
)
_QUOTED = message(
    "Pour les chiffres cités, dont on ne connaît que le compte, le "
    "test est refait pour chaque recouvrement possible des erreurs de "
    "deux systèmes."
)
_TEXTS = message(
    "Les gains par catégorie et l’effet de chaque texte passent les "
    "mêmes tests, corrigés à l’intérieur de chaque tableau ; "
    "l’optimisme d’un choix fait sur le test est estimé par bootstrap "
    "(Efron, 1983)."
)
_VARIANCE = message(
    "Le partage des différences entre modèle, textes et interaction "
    "est celui d’une analyse de proportions appariées (Grizzle, "
    "Starmer et Koch, 1969)."
)
_CONTROL = message("Le témoin de mots au hasard suit WaffleCLIP (Roth et al., ICCV 2023).")
_CALIBRATION = message(
    "Calibration : score de Brier (1950), log-vraisemblance, ECE (Guo "
    "et al., ICML 2017) comparée à ce qu’elle vaudrait pour des "
    "probabilités parfaites ; la température n’est jamais réglée sur "
    "les photos qu’elle sert à juger."
)
_ABSTENTION = message(
    "Abstention : courbe du risque selon la part classée et AURC "
    "(Geifman et El-Yaniv, NeurIPS 2017) ; la part garantie vient de "
    "tests exacts en séquence fixe."
)
_FEW_SHOT = message(
    "Courbes d’apprentissage : GDA (Wang et al., ICLR 2024), sonde "
    "partie des textes (LP++, Huang et al., CVPR 2024), régression "
    "logistique et plus proches voisins, plusieurs tirages des photos "
    "étiquetées, réglés sur elles seules."
)
_AUDIT = message(
    "Étiquettes douteuses : apprentissage confiant (Northcutt, Jiang "
    "et Chuang, 2021), d’accord entre tous les modèles."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetails:
    """Everything that a record says of how a case was run."""

    anchor: str
    case: str
    title: str
    status: str
    error: str
    facts: tuple[Fact, ...]
    chosen: tuple[Fact, ...]
    versions: tuple[Fact, ...]
    warnings: tuple[str, ...]
    command: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodPage:
    """The page of methods."""

    title: str
    name: str
    facts: tuple[Fact, ...]
    split: Table
    definitions: tuple[Fact, ...]
    intervals: tuple[str, ...]
    tests: tuple[str, ...]
    """How the cases were compared, with sources; none while they were not."""
    systematic: bool
    """Whether each part is a systematic sample over sub-categories."""
    thresholds: Table | None
    runs: tuple[RunDetails, ...]
    """Cases in their order, then later attempts that failed."""
    archive: Link | None
    """Every file of the study, to take away."""
    unavailable: tuple[RunDetails, ...]
    """Cases whose weights could not be had."""
    unavailable_said: str
    test_images: str
    duplicates: str


def build(here: Here) -> MethodPage:
    """The page of methods."""
    view = here.view
    study = view.study
    absent = tuple(run for run in view.results.runs if run.status == "unavailable")
    methods = dict.fromkeys(
        t(INTERVALS[metric.method]) if metric.method in INTERVALS else metric.method
        for run in view.scored
        for metric in run.metrics
        if metric.method
    )
    return MethodPage(
        title=view.title,
        name=study.name,
        facts=(
            Fact(label=t("Étude"), text=study.name, code=True),
            Fact(label=t("Graine du découpage"), text=str(study.seed), code=True),
            Fact(
                label=t("Empreinte des données"),
                text=study.dataset_revision,
                code=True,
                wide=True,
            ),
            Fact(label=t("Empreinte du découpage"), text=study.split_digest, code=True, wide=True),
            Fact(label=t("Version du format des résultats"), text=str(study.schema_version)),
        ),
        split=_split(view),
        definitions=tuple(
            Fact(label=t(row.title), text=t(row.definition))
            for row in METRICS
            if row.place == "classes" or _measured(view, row.name)
        ),
        intervals=tuple(methods),
        tests=tests_said(view),
        systematic=any(card.subcategory for card in study.samples),
        thresholds=_thresholds(study.thresholds),
        runs=(
            *(details(view, run) for run in view.results.runs if run not in absent),
            *(details(view, run, later=True) for run in view.results.failures),
        ),
        archive=archive_link(Here(view, view.page("methode"))),
        unavailable=tuple(details(view, run) for run in absent),
        unavailable_said=nt(
            len(absent),
            "{n} cas indisponible : ses poids n’ont pas pu être obtenus",
            "{n} cas indisponibles : leurs poids n’ont pas pu être obtenus",
        ),
        test_images=nt(view.test_images, "{n} photo", "{n} photos"),
        duplicates=nt(len(study.duplicates), "{n} groupe", "{n} groupes"),
    )


def tests_said(view: StudyView) -> tuple[str, ...]:
    """The tests that the study's comparison rests on, those alone that were made."""
    found = view.comparison
    if found is None:
        return ()
    made = (
        (found.comparison is not None, _PAIRED),
        (found.comparison is not None and found.comparison.clustered, _CLUSTERED),
        (any(one.topic == "quoted" for one in found.findings), _QUOTED),
        (bool(found.prompts), _TEXTS),
        (bool(found.variance), _VARIANCE),
        (bool(found.control or view.controls), _CONTROL),
        (bool(found.calibration), _CALIBRATION),
        (bool(found.abstention), _ABSTENTION),
        (bool(found.few_shot), _FEW_SHOT),
        (found.audit is not None and bool(found.audit.accuracies), _AUDIT),
    )
    return tuple(t(text) for there, text in made if there)


def _measured(view: StudyView, metric: str) -> bool:
    return any(run.metric(metric) for run in view.scored)


def _split(view: StudyView) -> Table:
    rows = []
    for fold, title in PARTS.items():
        cards = [card for card in view.study.samples if card.fold == fold]
        numbers = [sum(card.label == label for card in cards) for label in view.study.classes]
        each = (
            wording.count(min(numbers))
            if min(numbers) == max(numbers)
            else wording.span(min(numbers), max(numbers))
        )
        rows.append(
            Row(
                cells=(
                    head(wording.sentence_case(t(title))),
                    Cell(text=wording.count(len(cards)), title=view.data_trace),
                    Cell(text=each, title=view.data_trace),
                )
            )
        )
    return Table(
        id="decoupage",
        caption=t("Découpage des photos"),
        columns=(
            Column(text=t("Partie"), numeric=False),
            Column(text=t("Photos")),
            Column(text=t("Par catégorie")),
        ),
        groups=(Group(rows=tuple(rows)),),
    )


def _thresholds(thresholds: tuple[Threshold, ...]) -> Table | None:
    if not thresholds:
        return None
    return Table(
        id="planchers",
        caption=t("Planchers que l’étude déclare, vérifiés à chaque évaluation"),
        columns=(
            Column(text=t("Cas"), numeric=False),
            Column(text=t("Mesure"), numeric=False),
            Column(text=t("Plancher")),
        ),
        groups=(
            Group(
                rows=tuple(
                    Row(
                        cells=(
                            head(one.case),
                            Cell(text=metric_title(one.metric)),
                            measured(_floor(one), one.minimum, title="study.json"),
                        )
                    )
                    for one in thresholds
                )
            ),
        ),
    )


def _floor(threshold: Threshold) -> str:
    if threshold.over is None:
        return wording.percent(threshold.minimum)
    return t(
        "{minimum} de plus que {over}",
        minimum=wording.points(threshold.minimum),
        over=threshold.over,
    )


# ---------------------------------------------------------------------------- runs


def details(view: StudyView, run: RunRecord, *, later: bool = False) -> RunDetails:
    """A case's record; ``later`` for an attempt that failed after an earlier success."""
    origin = run.provenance
    anchor = view.run_anchor(run)
    files = ("run.json", "predictions.csv") if run.status == "ok" else ("run.json",)
    return RunDetails(
        anchor=f"{anchor}-echec" if later else anchor,
        case=run.case,
        title=view.case_title(run),
        status=t(STATUS[run.status])
        if view.results.is_current(run) or run.status != "ok"
        else t("à refaire"),
        error=run.error or "",
        facts=tuple(fact for fact in _run_facts(run) if fact.text),
        chosen=chosen_facts(run, "")[1:],
        versions=tuple(
            Fact(label=name, text=version, code=True)
            for name, version in sorted(origin.versions.items())
        ),
        warnings=run.warnings,
        command=origin.command,
        files=("failure.json",) if later else files,
    )


def _run_facts(run: RunRecord) -> tuple[Fact, ...]:
    origin, timings = run.provenance, run.timings
    commit = origin.commit or ""
    if commit and origin.dirty:
        commit += t(" (avec des modifications non enregistrées)")
    memory = _mebibytes(origin.peak_memory_mb)
    speed = (
        ""
        if timings.images_per_second is None
        else t(
            "{images_per_second} photos par seconde",
            images_per_second=wording.decimal(timings.images_per_second, 1),
        )
    )
    return (
        Fact(label=t("Début"), text=wording.instant(origin.started)),
        Fact(label=t("Durée"), text=wording.duration(origin.seconds)),
        Fact(
            label=t("Photos encodées dans cette exécution"),
            text=wording.count(timings.images_embedded),
        ),
        Fact(label=t("Photos reprises du cache"), text=wording.count(timings.images_reused)),
        Fact(label=t("Encodage des photos"), text=wording.duration(timings.embed_seconds)),
        Fact(
            label=t("Encodage des textes, ou apprentissage"),
            text=wording.duration(timings.head_seconds),
        ),
        Fact(label=t("Vitesse d’encodage"), text=speed),
        Fact(label=t("Modèle seul"), text=_forward(run)),
        Fact(label=_memory_label(run), text=memory),
        Fact(label=t("Mémoire de la carte au plus haut"), text=_mebibytes(origin.device_memory_mb)),
        Fact(label=t("Matériel"), text=origin.hardware, lang="en"),
        Fact(label=t("Appareil"), text=f"{origin.device}, {origin.precision}", code=True),
        Fact(label=t("Architecture"), text=run.model.architecture, code=True),
        Fact(label=t("Poids"), text=_weights(run), code=True),
        Fact(
            label=t("Empreinte des poids"), text=origin.weights_digest or "", code=True, wide=True
        ),
        Fact(
            label=t("Empreinte des textes"),
            text=run.prompts.digest if run.prompts else "",
            code=True,
        ),
        Fact(label=t("Empreinte des données"), text=run.dataset_revision, code=True, wide=True),
        Fact(label=t("Empreinte du découpage"), text=run.split_digest, code=True, wide=True),
        Fact(label=t("Version du programme"), text=commit, code=True, wide=True),
    )


def _mebibytes(value: float | None) -> str:
    return "" if value is None else t("{memory} Mio", memory=wording.decimal(value, 0))


def _memory_label(run: RunRecord) -> str:
    """Whose peak it is: older records, and other systems than Linux, know the process's alone."""
    if run.provenance.peak_memory_scope == "case":
        return t("Mémoire au plus haut")
    return t("Mémoire au plus haut, du processus")


def _forward(run: RunRecord) -> str:
    cost = run.timings.embedding
    if cost is None or cost.ms_per_image is None:
        return ""
    return t(
        "{ms} ms par photo, par lots de {batch_size}",
        ms=wording.decimal(cost.ms_per_image, 1),
        batch_size=wording.count(cost.batch_size),
    )


def _weights(run: RunRecord) -> str:
    """What the study asks for; of a file on somebody's disk, its name alone."""
    path = PurePath(run.model.weights)
    return path.name if path.is_absolute() else run.model.weights


def archive_link(here: Here) -> Link | None:
    """From page ``source`` to the study's files, with what they weigh."""
    view = here.view
    if view.archive is None:
        return None
    return Link(
        text=view.archive.name,
        href=here.file(view.archive_uri()),
        hint=t(
            "{files}, {size}",
            files=nt(view.archive.files, "{n} fichier", "{n} fichiers"),
            size=wording.size(len(view.archive.content)),
        ),
    )
