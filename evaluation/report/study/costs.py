"""What the cases cost to compute: time, memory, and on which machine."""

from __future__ import annotations

from evaluation.records import RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, t
from evaluation.report.kit.tables import Cell, Column, Group, Row, Table, absent, head, measured
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, trace

MILLION = 1_000_000
UNKNOWN = message("non mesuré : les photos ont été encodées avant que ce soit mesuré")


def cost_table(here: Here) -> Table | None:
    """What each case cost, in the order of the table of cases; None without a result."""
    view = here.view
    if not view.scored:
        return None
    sized = any(_parameters(view, run) for run in view.scored)
    return Table(
        id="couts",
        caption=t("Ce que coûte chaque cas"),
        columns=(
            Column(text=t("Cas"), numeric=False),
            Column(text=t("Modèle seul"), note=t("ms par photo")),
            Column(text=t("Avec le décodage"), note=t("photos par seconde")),
            Column(text=t("Lot"), note=t("photos")),
            Column(text=t("Mémoire"), note=t("Mio, au plus haut")),
            Column(text=t("Textes ou apprentissage"), note=t("secondes")),
            *((Column(text=t("Paramètres"), note=t("millions")),) if sized else ()),
            Column(text=t("Appareil"), numeric=False),
        ),
        groups=(Group(rows=tuple(_row(here, run, sized=sized) for run in view.scored)),),
        note=_note(view.scored),
    )


def _parameters(view: StudyView, run: RunRecord) -> int | None:
    """Of both towers of a zero-shot model, of a supervised one's trunk; None if unknown."""
    card = view.model_cards.get(run.model.name)
    if card is None or card.image_parameters is None:
        return None
    return card.image_parameters + (card.text_parameters or 0)


def _size(here: Here, run: RunRecord) -> Cell:
    """The size of the model's weights, which leads to its card."""
    parameters = _parameters(here.view, run)
    if parameters is None:
        return absent(t("nombre inconnu"))
    return measured(
        wording.decimal(parameters / MILLION, 1),
        parameters / MILLION,
        href=here.model(run.model.name),
    )


def _row(here: Here, run: RunRecord, *, sized: bool) -> Row:
    cost, speed = run.timings.embedding, run.timings.images_per_second
    ms = None if cost is None else cost.ms_per_image
    return Row(
        cells=(
            head(here.view.case_title(run), href=here.run(run.case), title=trace(run)),
            _number(run, ms, 1),
            _number(run, speed, 1),
            _number(run, None if cost is None else cost.batch_size, 0),
            _memory(run),
            _number(run, run.timings.head_seconds, 1),
            *((_size(here, run),) if sized else ()),
            Cell(text=f"{run.provenance.device}, {run.provenance.precision}", lang="en"),
        )
    )


def _number(run: RunRecord, value: float | None, digits: int) -> Cell:
    if value is None:
        return absent(t(UNKNOWN))
    return measured(wording.decimal(value, digits), value, title=trace(run))


def _memory(run: RunRecord) -> Cell:
    """The peak while photos were embedded, or else that of the case."""
    cost, origin = run.timings.embedding, run.provenance
    lap = None if cost is None else cost.memory
    resident = origin.peak_memory_mb if lap is None else lap.resident_mb
    on_device = origin.device_memory_mb if lap is None else lap.device_mb
    scope = origin.peak_memory_scope if lap is None else lap.scope
    if resident is None:
        return absent(t(UNKNOWN))
    notes = (
        t("du processus") if scope == "process" else "",
        ""
        if on_device is None
        else t("et {memory} sur la carte", memory=wording.decimal(on_device, 0)),
    )
    return measured(
        wording.decimal(resident, 0),
        resident,
        note=" ".join(one for one in notes if one),
        title=trace(run),
    )


def _note(runs: tuple[RunRecord, ...]) -> str:
    machines = tuple(dict.fromkeys(run.provenance.hardware for run in runs))
    said = t(
        "Mesuré sur {machines}, quand les photos ont été encodées. Le temps du modèle seul est la "
        "médiane de plusieurs passages d’un même lot, sans rien décoder ; le débit compte "
        "aussi la lecture et le décodage des photos, qui se font en même temps. La mémoire est "
        "celle du processus, poids et bibliothèques compris.",
        machines=wording.listing(machines),
    )
    if all(_scope(run) == "case" for run in runs):
        return said
    return t(
        "{said} « Du processus » : le plus haut que le processus ait atteint, "
        "peut-être pour un cas précédent.",
        said=said,
    )


def _scope(run: RunRecord) -> str:
    cost = run.timings.embedding
    return (
        run.provenance.peak_memory_scope
        if cost is None or cost.memory is None
        else cost.memory.scope
    )
