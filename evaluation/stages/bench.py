"""A loaded model over the photos of a study, asked with any texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evaluation.errors import DataError
from evaluation.models import Classifier
from evaluation.records import (
    Case,
    FloatArray,
    Fold,
    Head,
    ModelSpec,
    Predictions,
    PromptSet,
    Study,
)
from evaluation.stages.adapt import READ
from evaluation.stages.embed import embed_parts
from evaluation.stages.engine import Engine
from evaluation.stages.heads import CaseHead, make_head
from evaluation.stages.open import StudyData


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A model with the embeddings of some parts of a study."""

    data: StudyData
    model: Classifier
    engine: Engine
    rows: Mapping[Fold, FloatArray]
    """(N, D) of each part."""

    def texts(self, prompts: PromptSet | None, classes: tuple[str, ...] = ()) -> Head:
        """The head made of texts alone, for all classes or for some of them."""
        classes = classes or self.data.dataset.classes
        return self.model.head(classes, prompts=prompts, train=None, validation=None, seed=0)

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
        return self.texts(each, tuple(texts)).weight


def bench_of(data: StudyData, spec: ModelSpec, engine: Engine, folds: Sequence[Fold]) -> Bench:
    """A model on some parts of a study; raises as :meth:`Engine.model`."""
    model = engine.model(spec, data)
    return Bench(
        data=data, model=model, engine=engine, rows=embed_parts(data, engine, model, folds)[1]
    )


def validation_bench(data: StudyData, spec: ModelSpec, engine: Engine) -> Bench:
    """A model on the validation photos, and on those of train if it is adapted on both.

    ``data`` is without its test part.  Raises :class:`DataError` without a validation part.
    """
    if not data.split.validation:
        raise DataError(
            "texts are judged on a validation part, and this study has none; test is not looked"
            " at while they are being written",
            where=data.study.file,
            remedy="give the split some: [split] validation_share = 0.2",
        )
    return bench_of(data, spec, engine, READ if spec.family == "label-free" else ("validation",))


def models_of(study: Study, names: Sequence[str] = ()) -> tuple[ModelSpec, ...]:
    """The models of a study that read texts: those of these names, or all."""
    known = {spec.name: spec for spec in study.models if spec.reads_texts and spec.embeds}
    unknown = sorted(set(names) - set(known))
    if unknown or not known:
        raise DataError(
            f"no model {', '.join(unknown)} that reads texts"
            if unknown
            else "no model reads texts",
            where=study.file,
            remedy=f"choose among {', '.join(known)}" if known else "declare one in [[models]]",
        )
    return tuple(known[name] for name in names or known)
