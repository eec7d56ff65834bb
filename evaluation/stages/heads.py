"""The head of a case: made from texts, from labels, or from what has none; with titles or not.

Where the study draws its photos anew, one is made on each draw, from embeddings made once.  What
it does with photos that belong to none of its classes is told as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation import records
from evaluation.data.loading import chooses
from evaluation.data.prompts import resolve_prompts
from evaluation.errors import DataError
from evaluation.models.base import Predictor
from evaluation.records import Case, FloatArray, Fold, Head, Predictions, RepeatedScores, Support
from evaluation.scoring.metrics import softmax
from evaluation.scoring.strays import Scores, measure_strays, stray_scores
from evaluation.stages.adapt import adapt_case, check_adaptation
from evaluation.stages.engine import Bench, Engine, bench_of
from evaluation.stages.open import StudyData
from evaluation.stages.standing import is_repeated

NONE_TEXT = "something else"
"""What stands for no class, in the templates of the prompt set."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseHead(Predictor):
    """The role ``Predictor`` over the embeddings of a study: a head, and what it says of them."""

    head: Head
    classes: tuple[str, ...]
    logits: Mapping[str, FloatArray]
    """(C,) of each test and validation photo, by id; cross-fitted where the head read it."""
    texts: FloatArray | None
    """(C, D) embeddings of the class texts, of any length; None for a model without."""
    adaptation: records.Adaptation | None
    """Of a label-free head."""
    weights_digest: str
    device: str
    precision: str

    def predict(self, samples: Sequence[records.Sample]) -> Predictions:
        """See :meth:`evaluation.models.base.Predictor.predict`."""
        logits = np.stack([self.logits[sample.id] for sample in samples])
        return Predictions.of(self.classes, samples, softmax(logits), logits)


def make_head(
    case: Case, bench: Bench, learnt: Support | None = None, *, controlled: bool = True
) -> CaseHead:
    """The head of a case, from the embeddings of the parts, and titles if it reads them.

    It says something of the test part where that is on the bench.  A label-free head has its
    controls there if it is ``controlled``.

    Raises :class:`DataError`: the declaration does not fit the data; :class:`ModelError`: a class
    has no text, or cannot be learnt.
    """
    spec, data, rows, model = case.model, bench.data, bench.rows, bench.model
    check_adaptation(spec, data)
    titles, check = bench.titles(), bench.support("validation")
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
    texts, adaptation = None if case.prompts is None else head.weight, None
    if titles:  # the class texts are read again, or what was learnt beside the photos is
        width = rows["validation"].shape[1]
        read = head.weight[:, width:] if texts is None else texts
        head = replace(head, weight=head.weight[:, :width], title_weight=read)
    said: list[Fold] = [fold for fold in ("validation", "test") if fold in rows]
    crossed: dict[Fold, FloatArray] = {}
    if spec.family == "label-free":
        head, crossed["validation"], adaptation = adapt_case(
            case, bench, head, controlled=controlled
        )
    logits = {fold: head.logits(rows[fold]) for fold in said} | crossed
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
        **{name: getattr(model, name) for name in ("weights_digest", "device", "precision")},
    )


def _beside(part: Support, titles: Mapping[Fold, FloatArray], fold: Fold) -> Support:
    """The features of photos with those of their titles beside them: (N, D + T)."""
    if fold not in titles or len(part.labels) != len(titles[fold]):
        raise DataError(
            "titles are read beside features of a frozen trunk, one row a photo",
            remedy='write regime = "logistic", or delete reads',
        )
    return replace(part, embeddings=np.concatenate([part.embeddings, titles[fold]], axis=1))


def read_by(bench: Bench, prompts: records.PromptSet) -> tuple[Head, Predictions]:
    """The head that other texts make, adapted anew if the model is; what it says of validation."""
    case = Case(study=bench.data.study.name, model=bench.model.spec, prompts=prompts)
    made = make_head(case, bench, controlled=False)
    return made.head, made.predict(bench.data.samples(bench.data.split.validation))


def repeat(case: Case, data: StudyData, engine: Engine) -> RepeatedScores | None:
    """The accuracy of a case on each of the study's other draws; None where it is not repeated.

    Texts that are made of training labels, heads and what is chosen on validation are made anew.
    Raises :class:`VeilleError` as the case itself.
    """
    if not is_repeated(case, data):
        return None
    places = {sample.id: row for row, sample in enumerate(data.dataset.samples)}
    everything = replace(data, split=replace(data.split, train=tuple(places)))
    bench, run = bench_of(everything, case.model, engine, ("train",))
    accuracies = []
    for done, draw in enumerate(data.draws, start=1):
        drawn, texts = replace(data, split=draw), case.prompts
        if texts is not None:
            texts = resolve_prompts(texts, data.dataset, draw, data.study.prompts)
        rows: dict[Fold, FloatArray] = {
            fold: run.embeddings[[places[sample_id] for sample_id in drawn.ids(fold)]]
            for fold in records.FOLDS
        }
        own = replace(bench, data=drawn, rows=rows)
        made = make_head(replace(case, prompts=texts), own, own.support("train"), controlled=False)
        accuracies.append(float(made.predict(drawn.samples(draw.test)).right.mean()))
        engine.settings.progress(f"other draws of {case.name}", done, len(data.draws))
    return RepeatedScores(
        draws=tuple(draw.digest for draw in data.draws),
        accuracies=tuple(accuracies),
        tested=float(np.mean([len(draw.test) for draw in data.draws])) / len(places),
        folds=data.study.split.folds,
    )


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


def score_strays(case: Case, bench: Bench, head: Head) -> records.StrayResults | None:
    """Whether the strays of a study pass for photos of its classes; None where it has none.

    The validation and test parts are on the bench.
    """
    data, rows = bench.data, bench.rows
    if not data.strays or "title" in case.model.reads:
        return None
    embeddings = bench.embed(data.strays, "strays ").embeddings
    half = np.array([chooses(stray) for stray in data.strays])
    scorer = stray_scorer(case, bench, head)
    scored, probabilities = scorer(embeddings[~half]), softmax(head.logits(embeddings[~half]))
    tests, chosen = measure_strays(
        scorer(rows["validation"]),
        scorer(embeddings[half]),
        scorer(rows["test"]),
        scored,
        data.groups(data.split.test),
    )
    none_text = NONE_TEXT if case.prompts else ""
    results = records.StrayResults(tests=tests, chosen=chosen, passing=(), none_text=none_text)
    ids, passing = [stray.id for stray in data.strays if not chooses(stray)], []
    for i in np.argsort(-scored[chosen], kind="stable"):
        if scored[chosen][i] >= results.test.threshold:
            label, sure = int(probabilities[i].argmax()), float(probabilities[i].max())
            answer = records.StrayAnswer(
                id=ids[i], predicted=data.dataset.classes[label], probability=sure
            )
            passing.append(answer)
    return replace(results, passing=tuple(passing))
