"""Metrics, kinds of model, families and explanation methods: the only list of each.

Scoring computes the metrics in this order, studies may set a floor on those of ``cases``, and the
report takes every name and definition from here.  What loads a kind of model is named here and
imported by ``evaluation.models`` alone, so that building the site needs no torch; what runs an
explanation method is a row of ``evaluation.explain.methods``.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evaluation.records.base import Record

ModelKind = Literal["clip", "supervised", "predictions", "chat"]
Family = Literal["zero-shot", "label-free", "supervised", "given"]
"""What a case read of the user's own before it answered: nothing, titles or photos or shares
without a label, or labels; "given" answers were made elsewhere, from what nobody says here."""

_LISTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

if TYPE_CHECKING:
    ExplainMethod = str
else:
    ExplainMethod = Literal[tuple(_LISTS["methods"])]
"""The name of a row of ``methods``: a study file may name no other."""

REFERENCE_METHOD: ExplainMethod = "rise"
"""The one that needs nothing of a model but its answers, so that models can be compared."""


class MetricRow(Record):
    """A metric as it is named, defined and shown."""

    name: str
    """In run.json."""
    title: str
    definition: str
    """As the page of the method has it."""
    place: Literal["cases", "classes"] = "cases"
    """The table that shows it: a value a case, or a value a class."""
    top: int | None = None
    """Of the metrics "true class among the k most probable": k."""


class Kind(Record):
    """What a ``kind`` of ``[[models]]`` means to the rest of the house."""

    module: str
    """Within ``evaluation.models``: it has the functions of :class:`evaluation.models.Maker`."""
    family: Family
    reads_texts: bool
    """Whether prompt sets apply: a model that reads none is one case."""
    learns: bool
    """Whether it is trained on the labels of the training part."""
    embeds: bool = True
    """Whether it has embeddings; without them it is compared, but not looked into."""


class Sign(Record):
    """How a family is named and drawn."""

    title: str
    colour: str
    """A CSS value; the key of a legend has the class ``v-key--FAMILY``."""
    shape: str
    """A Vega symbol: told apart without its colour."""


class MethodWords(Record):
    """What a reader is told of an explanation method."""

    title: str
    about: str
    source: str
    address: str
    """Of the source."""


METRICS = tuple(MetricRow(**row) for row in _LISTS["metrics"])
OF_CASES = tuple(row for row in METRICS if row.place == "cases")
KINDS: Mapping[ModelKind, Kind] = {name: Kind(**row) for name, row in _LISTS["kinds"].items()}
FAMILIES: Mapping[Family, Sign] = {name: Sign(**row) for name, row in _LISTS["families"].items()}
EXPLAIN_METHODS: Mapping[ExplainMethod, MethodWords] = {
    name: MethodWords(**row) for name, row in _LISTS["methods"].items()
}
