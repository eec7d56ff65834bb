"""What the cases cost to compute: time, memory, and on which machine."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from evaluation.records import Lap, RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, t
from evaluation.report.kit.tables import Cell, Col, Form, Table, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.view import trace

MILLION = 1_000_000
UNKNOWN = message("non mesuré : les photos ont été encodées avant que ce soit mesuré")


def costs(here: Here) -> Mapping[str, Any] | None:
    """The table, the machines, and whether a peak is that of the process; None without a result."""
    runs = here.view.scored
    if not runs:
        return None
    return {
        "table": cost_table(here),
        "machines": list(dict.fromkeys(run.provenance.hardware for run in runs)),
        "process": any(_peak(run).scope == "process" for run in runs),
    }


def cost_table(here: Here) -> Table:
    """What each case cost, in the order of the table of cases."""
    # Parameters of both towers of a zero-shot model, of a supervised one's trunk.
    sizes = {
        name: card.image_parameters + (card.text_parameters or 0)
        for name, card in here.view.model_cards.items()
        if card.image_parameters is not None
    }

    def timing(name: str, form: Form, run: RunRecord) -> Cell:
        return number(getattr(run.timings, name), form, why=t(UNKNOWN), title=trace(run))

    def embedding(name: str, form: Form, run: RunRecord) -> Cell:
        value = getattr(run.timings.embedding, name, None)
        return number(value, form, why=t(UNKNOWN), title=trace(run))

    def memory(run: RunRecord) -> Cell:
        lap = _peak(run)
        notes = [t("du processus")] if lap.scope == "process" else []
        if lap.device_mb is not None:
            notes.append(t("et {memory} sur la carte", memory=wording.decimal(lap.device_mb, 0)))
        return number(lap.resident_mb, "0", why=t(UNKNOWN), note=" ".join(notes), title=trace(run))

    def size(run: RunRecord) -> Cell:
        parameters, card = sizes.get(run.model.name), here.model(run.model.name)
        millions = None if parameters is None else parameters / MILLION
        return number(millions, "0.0", why=t("nombre inconnu"), href=card)

    def device(run: RunRecord) -> Cell:
        return Cell(text=f"{run.provenance.device}, {run.provenance.precision}", lang="en")

    sized = any(sizes.get(run.model.name) for run in here.view.scored)
    return table(
        "couts",
        t("Ce que coûte chaque cas"),
        here.view.scored,
        Col(t("Cas"), lambda run: here.case(run.case, title=trace(run))),
        Col(t("Modèle seul"), partial(embedding, "ms_per_image", "0.0"), t("ms par photo")),
        Col(
            t("Avec le décodage"),
            partial(timing, "images_per_second", "0.0"),
            t("photos par seconde"),
        ),
        Col(t("Lot"), partial(embedding, "batch_size", "0"), t("photos")),
        Col(t("Mémoire"), memory, t("Mio, au plus haut")),
        Col(t("Textes ou apprentissage"), partial(timing, "head_seconds", "0.0"), t("secondes")),
        Col(t("Paramètres"), size, t("millions")) if sized else None,
        Col(t("Appareil"), device, numeric=False),
        kind="",
    )


def _peak(run: RunRecord) -> Lap:
    """The peak while photos were embedded, or else that of the case or of its process."""
    cost, origin = run.timings.embedding, run.provenance
    return (cost.memory if cost else None) or Lap(
        resident_mb=origin.peak_memory_mb,
        device_mb=origin.device_memory_mb,
        scope=origin.peak_memory_scope,
    )
