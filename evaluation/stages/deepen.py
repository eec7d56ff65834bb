"""What a comparison needs the models again for; embeddings come from the store.

Learning curves, the effect of each text, random words, the audit of the photos, retrieval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.data import random_words
from evaluation.records import (
    FOLDS,
    BoolArray,
    DataAudit,
    FewShot,
    FloatArray,
    Fold,
    Head,
    IntArray,
    MeanGain,
    ModelSpec,
    PromptSet,
    Retrieval,
    RunRecord,
    StudyComparison,
    Support,
    TextEffect,
)
from evaluation.scoring.audit import audit_embeddings
from evaluation.scoring.fewshot import few_shot
from evaluation.scoring.paired import mean_gain
from evaluation.scoring.prompts import near_identical, text_effects
from evaluation.scoring.retrieval import retrieve
from evaluation.stages.compare import compare_cases
from evaluation.stages.embed import embed_parts, predict
from evaluation.stages.engine import Engine
from evaluation.stages.evidence import Evidence, chosen_cases, read_evidence, right
from evaluation.stages.heads import make_head
from evaluation.stages.open import StudyData
from evaluation.stages.pairs import pairs_curve
from evaluation.stages.settings import Advance
from evaluation.stores import artefacts

if TYPE_CHECKING:
    from evaluation.models import Classifier

CONTROL_SEEDS = (0, 1, 2, 3, 4)
"""Of the random words that a description has to beat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One loaded model with the embeddings of every part, and the cases it was scored in."""

    data: StudyData
    model: Classifier
    rows: Mapping[Fold, FloatArray]
    """(N, D) of each part."""
    runs: Mapping[str, RunRecord]
    """Case id to its record, this model's alone."""
    groups: IntArray | None
    """(N,) equal numbers for test photos that count as one."""
    engine: Engine

    @property
    def progress(self) -> Advance:
        """Told of learning curves."""
        return self.engine.settings.progress

    def head(self, prompts: PromptSet | None, classes: tuple[str, ...] | None = None) -> Head:
        """The head made from these texts, for all classes or for some of them."""
        return self.model.head(
            classes or self.data.dataset.classes,
            prompts=prompts,
            train=self.part("train"),
            validation=self.part("validation"),
            seed=self.data.split.seed,
        )

    def part(self, fold: Fold) -> Support:
        """The embeddings of a part of the split with their labels."""
        return Support(embeddings=self.rows[fold], labels=self.data.labels(self.data.ids(fold)))

    def right(self, head: Head) -> BoolArray:
        """(N,) test images that a head gets right."""
        return right(predict(self.data, head, self.rows, "test"))


def deepen(data: StudyData, engine: Engine) -> StudyComparison | None:
    """:func:`compare_cases`, then all that takes the models; writes comparison.json.

    Returns None while no case is scored.
    """
    root, name = engine.settings.artefacts, data.study.name
    comparison = compare_cases(root, name)
    evidence = read_evidence(root, name)
    if comparison is None or evidence is None:
        return None
    chosen = chosen_cases(evidence)
    for spec in data.study.models:
        # A model that reads titles is no model of photos: nothing below is about it.
        if spec.name in chosen and spec.embeds and "title" not in spec.reads:
            bench = _bench(data, engine, spec, evidence)
            add = _with_label_free if spec.family == "label-free" else _with_model
            comparison = add(comparison, bench, chosen[spec.name], evidence)
            # Written model by model: what is done is kept if the next one is interrupted.
            artefacts.write_comparison(root, comparison)
    return comparison


def _bench(data: StudyData, engine: Engine, spec: ModelSpec, evidence: Evidence) -> Bench:
    model = engine.model(spec, data)
    return Bench(
        data=data,
        model=model,
        rows=embed_parts(data, engine, model, FOLDS)[1],
        runs={case: run for case, run in evidence.runs.items() if run.model.name == spec.name},
        groups=evidence.groups,
        engine=engine,
    )


def _with_label_free(
    found: StudyComparison, bench: Bench, chosen: str, _evidence: Evidence
) -> StudyComparison:
    """What titles are worth as they grow in number, and what they do for retrieval."""
    run = bench.runs[chosen]
    made = make_head(
        bench.data.case(run.case.removeprefix(f"{run.study}/")),
        bench.data,
        bench.engine,
        bench.rows,
        None,
    )
    through = replace(bench, rows={**bench.rows, "test": made.head.through(bench.rows["test"])})
    curve = pairs_curve(run, bench.data, bench.engine, bench.rows, bench.head(run.prompts))
    return replace(
        found,
        pairs=(*(one for one in found.pairs if one.case != chosen), *curve),
        retrieval=(
            *(one for one in found.retrieval if one.model != run.model.name),
            *_retrieval(through),
        ),
    )


def _with_model(
    found: StudyComparison, bench: Bench, chosen: str, evidence: Evidence
) -> StudyComparison:
    """The comparison with what one model's embeddings and texts add to it."""
    # Only what texts do is looked into: a trained head is as it was scored.
    heads = {case: bench.head(run.prompts) for case, run in bench.runs.items() if run.prompts}
    model = bench.model.spec.name
    return replace(
        found,
        prompts=tuple(
            replace(one, **_text_diagnosis(bench, heads)) if one.model == model else one
            for one in found.prompts
        ),
        control={**found.control, **_controls(bench, heads)},
        few_shot=(
            *(one for one in found.few_shot if one.model != model),
            *_few_shot(bench, chosen, heads.get(chosen), _label_free(bench, evidence)),
        ),
        audit=_with_embeddings(found, bench, chosen),
        retrieval=(
            *(one for one in found.retrieval if one.model != model),
            *_retrieval(bench),
        ),
    )


def _text_diagnosis(bench: Bench, heads: Mapping[str, Head]) -> dict[str, Any]:
    described = {
        case: run.prompts
        for case, run in bench.runs.items()
        if run.prompts and run.prompts.derive not in {"class-names", "random-words"}
    }
    return {
        "effects": {
            case: _text_effects(bench, prompts, heads[case]) for case, prompts in described.items()
        },
        "near_identical": {
            case: near_identical(bench.data.dataset.classes, heads[case].weight)
            for case in described
        },
    }


def _text_effects(bench: Bench, prompts: PromptSet, head: Head) -> tuple[TextEffect, ...]:
    """Each text left out in turn; a class that has no other falls back on its name."""
    classes = bench.data.dataset.classes

    def without(label: str, left_out: int) -> FloatArray:
        texts = prompts.texts[label]
        others = tuple(text for i, text in enumerate(texts) if i != left_out)
        row = bench.head(replace(prompts, texts={label: others or (label,)}), (label,))
        weight, bias = head.weight.copy(), head.bias.copy()
        weight[classes.index(label)], bias[classes.index(label)] = row.weight[0], row.bias[0]
        return replace(head, weight=weight, bias=bias).logits(bench.rows["test"])

    predictions = predict(bench.data, head, bench.rows, "test")
    return text_effects(predictions, prompts.texts, without, bench.groups)


def _controls(bench: Bench, heads: Mapping[str, Head]) -> dict[str, MeanGain]:
    """The gain of each described case over random words of the same length, several seeds."""
    likes = {run.prompts.like for run in bench.runs.values() if run.prompts}
    gains = {}
    for case, run in bench.runs.items():
        if run.prompts is None or run.prompts.name not in likes:
            continue
        classes = bench.data.dataset.classes
        repeated = np.stack(
            [
                bench.right(bench.head(random_words(run.prompts, classes, seed)))
                for seed in CONTROL_SEEDS
            ]
        )
        # mean_gain is of the repetitions over the case; the question is the other way round.
        over = mean_gain(repeated, bench.right(heads[case]), bench.groups)
        gains[case] = replace(over, gain=-over.gain, low=-over.high, high=-over.low)
    return gains


def _label_free(bench: Bench, evidence: Evidence) -> dict[str, BoolArray]:
    """What the label-free cases over the same embeddings get right, from the photo alone."""
    spec = bench.model.spec
    chosen = set(chosen_cases(evidence).values())
    return {
        case: right(evidence.aligned.predictions[case])
        for case, run in evidence.runs.items()
        if case in chosen
        and run.model.family == "label-free"
        and run.model.reads == ("photo",)
        and spec.family == "zero-shot"
        and (run.model.kind, run.model.weights, run.model.architecture, run.model.options)
        == (spec.kind, spec.weights, spec.architecture, spec.options)
    }


def _few_shot(
    bench: Bench, chosen: str, head: Head | None, label_free: Mapping[str, BoolArray]
) -> tuple[FewShot, ...]:
    """Learning curves over a model's features; none where the features know every label."""
    training = bench.model.spec.training
    if training is not None and training.regime == "finetune":
        return ()
    label = f"learning curves of {bench.model.spec.name}"
    found = few_shot(
        bench.model.spec.name,
        bench.part("train"),
        bench.part("test"),
        bench.data.dataset.classes,
        zero_shot=head,
        zero_shot_case=chosen if head else None,
        groups=bench.groups,
        label_free=label_free,
        progress=lambda done, total: bench.progress(label, done, total),
    )
    return (found,)


def _retrieval(bench: Bench) -> tuple[Retrieval, ...]:
    """Photo to title and back on the test part, for a model that reads texts."""
    titles = {one.id: one.title for one in bench.data.samples(bench.data.split.test)}
    if not bench.model.spec.reads_texts or not all(titles.values()):
        return ()
    ids = tuple(titles)
    texts = {one: (title,) for one, title in titles.items() if title}
    prompts = PromptSet(name="titles", title="Titres", language="", texts=texts)
    weight = bench.head(prompts, ids).weight
    return retrieve(
        bench.model.spec.name, bench.rows["test"], weight, [texts[one][0] for one in ids]
    )


def _with_embeddings(found: StudyComparison, bench: Bench, chosen: str) -> DataAudit | None:
    """The audit with what one model's embeddings of the test photos say of the classes."""
    if found.audit is None:
        return None
    test = bench.part("test")
    told = audit_embeddings(
        bench.model.spec.name,
        test.embeddings,
        test.labels,
        bench.data.dataset.classes,
        recalls={row.label: row.recall for row in bench.runs[chosen].per_class},
    )
    others = (one for one in found.audit.embeddings if one.model != bench.model.spec.name)
    return replace(found.audit, embeddings=(*others, told))
