"""What a case does with photos that belong to none of its classes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from evaluation.data.loading import chooses
from evaluation.records import Case, FloatArray, Head, StrayAnswer, StrayResults
from evaluation.scoring.metrics import softmax
from evaluation.scoring.strays import Scores, measure_strays, stray_scores
from evaluation.stages.bench import Bench

NONE_TEXT = "something else"
"""What stands for no class, in the templates of the prompt set."""


def stray_scorer(case: Case, bench: Bench, head: Head) -> Callable[[FloatArray], Scores]:
    """How sure a head is that photos belong to one of its classes: scores of (N, D) embeddings.

    The "none" text of a case that reads texts is read as those of its classes are.
    """
    if case.prompts is None:
        return lambda embeddings: stray_scores(head.logits(embeddings))
    texts = bench.texts(replace(case.prompts, texts={"": (NONE_TEXT,)}, derive=None), ("",))
    none, scale = replace(texts, layer=head.layer), float(np.linalg.norm(texts.weight[0]))
    return lambda embeddings: stray_scores(
        head.logits(embeddings), scale=scale, none=none.logits(embeddings)[:, 0]
    )


def score_strays(case: Case, bench: Bench, head: Head) -> StrayResults | None:
    """Whether the strays of a study pass for photos of its classes; None where it has none.

    The validation and test parts are on the bench.
    """
    data, rows = bench.data, bench.rows
    if not data.strays or "title" in case.model.reads:
        return None
    embeddings = bench.embed(data.strays, "strays ").embeddings
    half = np.array([chooses(stray) for stray in data.strays])
    scorer = stray_scorer(case, bench, head)
    scored = scorer(embeddings[~half])
    tests, chosen = measure_strays(
        scorer(rows["validation"]),
        scorer(embeddings[half]),
        scorer(rows["test"]),
        scored,
        data.groups(data.split.test),
    )
    threshold = next(test.threshold for test in tests if test.score == chosen)
    places, sure = np.flatnonzero(~half), scored[chosen]
    probabilities = softmax(head.logits(embeddings[~half]))
    return StrayResults(
        tests=tests,
        chosen=chosen,
        passing=tuple(
            StrayAnswer(
                id=data.strays[places[i]].id,
                predicted=data.dataset.classes[int(probabilities[i].argmax())],
                probability=float(probabilities[i].max()),
            )
            for i in np.argsort(-sure, kind="stable")
            if sure[i] >= threshold
        ),
        none_text=NONE_TEXT if case.prompts else "",
    )
