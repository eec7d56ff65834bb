"""What a case does with photos that belong to none of its classes."""

from dataclasses import dataclass, replace

import numpy as np

from evaluation.data import chooses
from evaluation.records import Case, FloatArray, Head, StrayAnswer, StrayResults
from evaluation.scoring.metrics import softmax
from evaluation.scoring.strays import Scores, measure_strays, stray_scores
from evaluation.stages.bench import Bench

NONE_TEXT = "something else"
"""What stands for no class, in the templates of the prompt set."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StrayScorer:
    """How sure a head is that photos belong to one of its classes."""

    head: Head
    none: Head | None
    """The row of the "none" text; None for a case without texts."""

    def __call__(self, embeddings: FloatArray) -> Scores:
        """Scores of (N, D) embeddings."""
        logits = self.head.logits(embeddings)
        if self.none is None:
            return stray_scores(logits)
        beside = replace(self.none, layer=self.head.layer).logits(embeddings)[:, 0]
        scale = float(np.linalg.norm(self.none.weight[0]))
        return stray_scores(logits, scale=scale, none=beside)


def stray_scorer(case: Case, bench: Bench, head: Head) -> StrayScorer:
    """That of a case which embeds photos; its "none" text is read as those of its classes are."""
    none = None
    if case.prompts is not None:
        none = bench.texts(replace(case.prompts, texts={"": (NONE_TEXT,)}, derive=None), ("",))
    return StrayScorer(head=head, none=none)


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
        none_text=NONE_TEXT if scorer.none else "",
    )
