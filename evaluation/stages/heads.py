"""The head of a case: made from texts, from labels, or from what has none; with titles or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from evaluation.errors import DataError
from evaluation.records import (
    Adaptation,
    Case,
    FloatArray,
    Fold,
    Head,
    Predictions,
    Support,
)
from evaluation.stages.adapt import adapt_case, read_titles
from evaluation.stages.embed import predictions_of, support
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseHead:
    """A head and what it says of the parts."""

    head: Head
    predictions: Predictions
    """Of the test part."""
    validation: Predictions | None
    """Of the validation part, cross-fitted if the head read it; None when it is empty."""
    texts: FloatArray | None
    """(C, D) embeddings of the class texts, of any length; None for a model without."""
    adaptation: Adaptation | None
    """Of a label-free head."""


def make_head(
    case: Case,
    data: StudyData,
    engine: Engine,
    rows: Mapping[Fold, FloatArray],
    learnt: Support | None,
) -> CaseHead:
    """The head of a case, from the (N, D) embeddings of the parts, and titles if it reads them.

    Raises:
        DataError: the declaration does not fit the data.
        ModelError: a class has no text, or cannot be learnt.

    """
    spec, adaptation = case.model, None
    titles = read_titles(spec, data, engine, tuple(rows))
    model, check = engine.model(spec, data), support(data, rows, "validation")
    if titles and spec.learns:
        learnt, check = _beside(learnt, titles, "train"), _beside(check, titles, "validation")
    head = model.head(
        data.dataset.classes,
        prompts=case.prompts,
        train=learnt,
        validation=check,
        seed=data.split.seed,
    )
    texts = None if case.prompts is None else head.weight
    if titles:
        head = _reading(head, rows["test"].shape[1], texts)
    logits = head.logits(rows["validation"])
    if spec.family == "label-free":
        adapted = adapt_case(case, data, engine, rows, head)
        head, logits, adaptation = adapted.head, adapted.validation, adapted.record
    if titles:
        logits = logits + head.title_logits(titles["validation"])
    test = predictions_of(data, "test", head.logits(rows["test"], titles.get("test")))
    return CaseHead(
        head=head,
        predictions=test,
        validation=predictions_of(data, "validation", logits) if data.split.validation else None,
        texts=texts,
        adaptation=adaptation,
    )


def _beside(part: Support | None, titles: Mapping[Fold, FloatArray], fold: Fold) -> Support | None:
    """The features of photos with those of their titles beside them: (N, D + T)."""
    if part is None:
        return None
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
