"""What a model says of the validation photos alone, with any texts: the test part is put away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evaluation.errors import DataError
from evaluation.records import FloatArray, Head, ModelSpec, Predictions, PromptSet
from evaluation.stages.embed import embed_parts, predict
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData

if TYPE_CHECKING:
    from evaluation.models import Classifier


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationBench:
    """A loaded model with the embeddings of the validation part."""

    data: StudyData
    """Without its test part."""
    model: Classifier
    validation: FloatArray
    """(N, D)"""

    def head(self, prompts: PromptSet) -> Head:
        """The classifier that these texts make."""
        return self.model.head(
            self.data.dataset.classes,
            prompts=prompts,
            train=None,
            validation=None,
            seed=self.data.split.seed,
        )

    def read(self, prompts: PromptSet) -> Predictions:
        """What the model says of the validation photos with these texts."""
        return predict(self.data, self.head(prompts), {"validation": self.validation}, "validation")

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
    _, rows = embed_parts(data, engine, model, ("validation",))
    return ValidationBench(data=data, model=model, validation=rows["validation"])
