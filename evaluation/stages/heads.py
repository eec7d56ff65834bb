"""The head of a case: made from texts, from labels, or from what has none; with titles or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.errors import DataError
from evaluation.models import Predictor
from evaluation.records import (
    Adaptation,
    Case,
    FloatArray,
    Fold,
    Head,
    Predictions,
    Sample,
    Support,
)
from evaluation.scoring.metrics import softmax
from evaluation.stages.adapt import adapt_case, check_adaptation
from evaluation.stages.embed import support
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData
from evaluation.stages.titles import read_titles

CHECKED: tuple[Fold, ...] = ("validation", "test")
"""The parts of which a case says something."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseHead(Predictor):
    """The role ``Predictor`` over the embeddings of a study: a head, and what it says of them."""

    head: Head
    classes: tuple[str, ...]
    logits: Mapping[str, FloatArray]
    """(C,) of each test and validation photo, by id; cross-fitted where the head read it."""
    texts: FloatArray | None
    """(C, D) embeddings of the class texts, of any length; None for a model without."""
    adaptation: Adaptation | None
    """Of a label-free head."""
    weights_digest: str
    device: str
    precision: str

    def predict(self, samples: Sequence[Sample]) -> Predictions:
        """See :meth:`evaluation.models.Predictor.predict`."""
        logits = np.stack([self.logits[sample.id] for sample in samples])
        return Predictions.of(self.classes, samples, softmax(logits), logits)


def make_head(
    case: Case,
    data: StudyData,
    engine: Engine,
    rows: Mapping[Fold, FloatArray],
    learnt: Support | None,
    *,
    controlled: bool = True,
) -> CaseHead:
    """The head of a case, from the (N, D) embeddings of the parts, and titles if it reads them.

    It says something of the test part where that is given.  A label-free head has its controls
    there if it is ``controlled``.

    Raises :class:`DataError`: the declaration does not fit the data; :class:`ModelError`: a class
    has no text, or cannot be learnt.
    """
    spec, adaptation = case.model, None
    check_adaptation(spec, data)
    titles = read_titles(spec, data, engine, tuple(rows))
    model, check = engine.model(spec, data), support(data, rows, "validation")
    if titles and spec.learns:
        learnt = None if learnt is None else _beside(learnt, titles, "train")
        check = _beside(check, titles, "validation")
    head = model.head(
        data.dataset.classes,
        prompts=case.prompts,
        train=learnt,
        validation=check,
        seed=data.split.seed,
    )
    texts = None if case.prompts is None else head.weight
    if titles:
        head = _reading(head, rows["validation"].shape[1], texts)
    said = [fold for fold in CHECKED if fold in rows]
    logits = {fold: head.logits(rows[fold]) for fold in said}
    if spec.family == "label-free":
        adapted = adapt_case(case, data, engine, rows, head, controlled=controlled)
        head, adaptation = adapted.head, adapted.record
        logits = {fold: head.logits(rows[fold]) for fold in said} | {
            "validation": adapted.validation
        }
    if titles:
        logits = {fold: logits[fold] + head.title_logits(titles[fold]) for fold in said}
    return CaseHead(
        head=head,
        classes=data.dataset.classes,
        logits={
            key: row for fold in said for key, row in zip(data.ids(fold), logits[fold], strict=True)
        },
        texts=texts,
        adaptation=adaptation,
        weights_digest=model.weights_digest,
        device=model.device,
        precision=model.precision,
    )


def _beside(part: Support, titles: Mapping[Fold, FloatArray], fold: Fold) -> Support:
    """The features of photos with those of their titles beside them: (N, D + T)."""
    if fold not in titles or len(part.labels) != len(titles[fold]):
        raise DataError(
            "titles are read beside features of a frozen trunk, one row a photo",
            remedy='write regime = "logistic", or delete reads',
        )
    return replace(part, embeddings=np.concatenate([part.embeddings, titles[fold]], axis=1))


def _reading(head: Head, photo_dim: int, texts: FloatArray | None) -> Head:
    """The head with its part for titles: the class texts again, or what was learnt beside."""
    if texts is not None:
        return replace(head, title_weight=texts)
    return replace(head, weight=head.weight[:, :photo_dim], title_weight=head.weight[:, photo_dim:])
