"""What a model says of the validation photos alone, with any texts: the test part is put away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evaluation.errors import DataError
from evaluation.records import Case, FloatArray, Fold, ModelSpec, Predictions, PromptSet
from evaluation.stages.adapt import READ
from evaluation.stages.embed import embed_parts
from evaluation.stages.engine import Engine
from evaluation.stages.heads import CaseHead, make_head
from evaluation.stages.open import StudyData

if TYPE_CHECKING:
    from evaluation.models import Classifier


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationBench:
    """A loaded model with the embeddings of the validation part."""

    data: StudyData
    """Without its test part."""
    model: Classifier
    engine: Engine
    rows: Mapping[Fold, FloatArray]
    """(N, D) of the validation part, and of train for a model that is adapted on both."""

    def made(self, prompts: PromptSet) -> CaseHead:
        """The classifier that these texts make; it is adapted anew if the model is."""
        case = Case(study=self.data.study.name, model=self.model.spec, prompts=prompts)
        return make_head(case, self.data, self.engine, self.rows, None, controlled=False)

    def read(self, prompts: PromptSet) -> Predictions:
        """What the model says of the validation photos with these texts."""
        return self.made(prompts).predict(self.data.samples(self.data.split.validation))

    def embed_texts(self, texts: Sequence[str], like: PromptSet) -> FloatArray:
        """(T, D) embeddings of texts in the templates of a prompt set, of one length."""
        each = replace(like, texts={text: (text,) for text in texts}, derive=None)
        head = self.model.head(
            tuple(texts), prompts=each, train=None, validation=None, seed=self.data.split.seed
        )
        return head.weight


def validation_bench(data: StudyData, spec: ModelSpec, engine: Engine) -> ValidationBench:
    """A model on the validation photos of a study.

    Raises:
        DataError: the study has no validation part.
        WeightsUnavailable: the model cannot be had here.

    """
    if not data.split.validation:
        raise DataError(
            "texts are judged on a validation part, and this study has none; test is not looked"
            " at while they are being written",
            where=data.study.file,
            remedy="give the split some: [split] validation_share = 0.2",
        )
    model = engine.model(spec, data)
    folds: tuple[Fold, ...] = READ if spec.family == "label-free" else ("validation",)
    _, rows = embed_parts(data, engine, model, folds)
    return ValidationBench(data=data, model=model, engine=engine, rows=rows)
