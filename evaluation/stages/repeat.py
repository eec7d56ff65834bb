"""A case on other draws of its photos: made anew on each, from embeddings made once."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from evaluation.data import resolve_prompts
from evaluation.records import FOLDS, Case, FloatArray, RepeatedScores, Split
from evaluation.stages.embed import embed_parts, support
from evaluation.stages.engine import Engine
from evaluation.stages.heads import make_head
from evaluation.stages.open import StudyData
from evaluation.stages.standing import is_repeated


def repeat(case: Case, data: StudyData, engine: Engine) -> RepeatedScores | None:
    """The accuracy of a case on each of the study's other draws; None where it is not repeated.

    Texts that are made of training labels, heads and what is chosen on validation are made anew.
    Raises :class:`VeilleError` as the case itself.
    """
    if not is_repeated(case, data):
        return None
    ids = tuple(sample.id for sample in data.dataset.samples)
    everything = replace(data, split=replace(data.split, train=ids))
    model = engine.model(case.model, data)
    rows = embed_parts(everything, engine, model, ("train",))[1]["train"]
    embeddings = dict(zip(ids, rows, strict=True))
    accuracies = []
    for done, draw in enumerate(data.draws, start=1):
        accuracies.append(_accuracy(case, data, draw, engine, embeddings))
        engine.settings.progress(f"other draws of {case.name}", done, len(data.draws))
    return RepeatedScores(
        draws=tuple(draw.digest for draw in data.draws),
        accuracies=tuple(accuracies),
        tested=float(np.mean([len(draw.test) for draw in data.draws])) / len(ids),
        folds=data.study.split.folds,
    )


def _accuracy(
    case: Case, data: StudyData, draw: Split, engine: Engine, embeddings: Mapping[str, FloatArray]
) -> float:
    """On the test part of one draw; the embeddings are (D,) by sample id."""
    drawn, texts = replace(data, split=draw), case.prompts
    if texts is not None:
        texts = resolve_prompts(texts, data.dataset, draw, data.study.prompts)
    width = next(iter(embeddings.values())).size
    rows = {
        fold: np.array([embeddings[sample_id] for sample_id in drawn.ids(fold)]).reshape(-1, width)
        for fold in FOLDS
    }
    learnt = support(drawn, rows, "train")
    made = make_head(replace(case, prompts=texts), drawn, engine, rows, learnt, controlled=False)
    return float(made.predict(drawn.samples(draw.test)).right.mean())
