"""What a comparison needs the models again for; embeddings come from the store.

Learning curves, the effect of each text, random words, the audit of the photos, retrieval.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np

from evaluation import records
from evaluation.data.prompts import random_words
from evaluation.records import FewShot, FloatArray, Head, PromptSet, StudyComparison
from evaluation.scoring.audit import audit_embeddings
from evaluation.scoring.embeddings import retrieve
from evaluation.scoring.fewshot import Setting, few_shot
from evaluation.scoring.paired import mean_gain
from evaluation.scoring.prompts import near_identical, text_effects
from evaluation.stages.adapt import pairs_curve
from evaluation.stages.compare import Evidence, compare_cases, read_evidence
from evaluation.stages.engine import Bench, Engine, bench_of
from evaluation.stages.heads import make_head
from evaluation.stages.open import StudyData, towers_of
from evaluation.stores import artefacts

_Of = TypeVar("_Of", records.EmbeddingAudit, FewShot, records.Retrieval)

CONTROL_SEEDS = (0, 1, 2, 3, 4)
"""Of the random words that a description has to beat."""


def deepen(data: StudyData, engine: Engine) -> StudyComparison | None:
    """:func:`compare_cases`, then all that takes the models; writes comparison.json.

    Returns None while no case is scored.
    """
    root, name = engine.settings.artefacts, data.study.name
    comparison = compare_cases(root, name)
    evidence = read_evidence(root, name)
    if comparison is None or evidence is None:
        return None
    chosen = evidence.chosen_cases()
    for spec in data.study.models:
        # A model that reads titles is no model of photos: nothing below is about it.
        if spec.name in chosen and spec.embeds and "title" not in spec.reads:
            bench, _ = bench_of(data, spec, engine, records.FOLDS)
            add = _with_label_free if spec.family == "label-free" else _with_model
            comparison = add(comparison, bench, chosen[spec.name], evidence)
            # Written model by model: what is done is kept if the next one is interrupted.
            artefacts.write(root, comparison)
    return comparison


def _of_others(kept: Iterable[_Of], model: str) -> list[_Of]:
    return [record for record in kept if record.model != model]


def _with_label_free(
    comparison: StudyComparison, bench: Bench, chosen: str, evidence: Evidence
) -> StudyComparison:
    """What titles are worth as they grow in number, and what they do for retrieval."""
    run = evidence.runs[chosen]
    head = make_head(bench.data.case(run.case.removeprefix(f"{run.study}/")), bench).head
    curve = pairs_curve(run, bench, bench.texts(run.prompts))
    retrieval = _retrieval(bench, head.through(bench.rows["test"]))
    return replace(
        comparison,
        pairs=(*(pairs for pairs in comparison.pairs if pairs.case != chosen), *curve),
        retrieval=(*_of_others(comparison.retrieval, run.model.name), *retrieval),
    )


def _with_model(
    comparison: StudyComparison, bench: Bench, chosen: str, evidence: Evidence
) -> StudyComparison:
    """The comparison with what one model's embeddings and texts add to it."""
    model, classes, groups = bench.model.spec.name, bench.data.dataset.classes, evidence.groups
    # Only what texts do is looked into: a trained head is as it was scored.
    sets = {
        case: run.prompts
        for case, run in evidence.runs.items()
        if run.model.name == model and run.prompts
    }
    heads = {case: bench.texts(prompts) for case, prompts in sets.items()}
    likes = {prompts.like for prompts in sets.values()}
    effects, near, control, diagnoses = {}, {}, dict(comparison.control), []
    for case, prompts in sets.items():
        if prompts.derive not in {"class-names", "random-words"}:
            effects[case] = _text_effects(bench, prompts, heads[case], groups)
            near[case] = near_identical(classes, heads[case].weight)
        if prompts.name in likes:
            control[case] = _control(bench, prompts, heads[case], groups)
    for known in comparison.prompts:
        own = replace(known, effects=effects, near_identical=near)
        diagnoses.append(own if known.model == model else known)
    audit, test = comparison.audit, bench.support("test")
    if audit is not None:
        recalls = {row.label: row.recall for row in evidence.runs[chosen].per_class}
        own_audit = audit_embeddings(model, test.embeddings, test.labels, classes, recalls)
        audit = replace(audit, embeddings=(*_of_others(audit.embeddings, model), own_audit))
    curves = _few_shot(bench, chosen, heads.get(chosen), evidence)
    retrieval = _retrieval(bench, bench.rows["test"])
    return replace(
        comparison,
        prompts=tuple(diagnoses),
        control=control,
        few_shot=(*_of_others(comparison.few_shot, model), *curves),
        audit=audit,
        retrieval=(*_of_others(comparison.retrieval, model), *retrieval),
    )


def _text_effects(
    bench: Bench, prompts: PromptSet, head: Head, groups: records.IntArray | None
) -> tuple[records.TextEffect, ...]:
    """Each text left out in turn; a class that has no other falls back on its name."""

    def without(label: str, left_out: int) -> FloatArray:
        texts = prompts.texts[label]
        others = tuple(text for i, text in enumerate(texts) if i != left_out)
        row = bench.texts(replace(prompts, texts={label: others or (label,)}), (label,))
        weight, bias = head.weight.copy(), head.bias.copy()
        c = bench.data.dataset.classes.index(label)
        weight[c], bias[c] = row.weight[0], row.bias[0]
        return replace(head, weight=weight, bias=bias).logits(bench.rows["test"])

    return text_effects(bench.predict(head, "test"), prompts.texts, without, groups)


def _control(
    bench: Bench, prompts: PromptSet, head: Head, groups: records.IntArray | None
) -> records.MeanGain:
    """The gain of a described case over random words of the same length, several seeds."""
    drawn = [random_words(prompts, bench.data.dataset.classes, seed) for seed in CONTROL_SEEDS]
    repeated = np.stack([bench.predict(bench.texts(words), "test").right for words in drawn])
    # mean_gain is of the repetitions over the case; the question is the other way round.
    over = mean_gain(repeated, bench.predict(head, "test").right, groups)
    return replace(over, gain=-over.gain, low=-over.high, high=-over.low)


def _few_shot(
    bench: Bench, chosen: str, head: Head | None, evidence: Evidence
) -> tuple[FewShot, ...]:
    """Learning curves over a model's features; none where they know every label, or none is there.

    A study of zero-shot cases alone may have no training photos.
    """
    spec, data = bench.model.spec, bench.data
    if not data.split.train or (spec.training and spec.training.regime == "finetune"):
        return ()
    best = set(evidence.chosen_cases().values())
    setting = Setting(
        train=bench.support("train"),
        test=bench.support("test"),
        zero_shot=head,
        groups=evidence.groups,
        # What the cases adapted over the same embeddings get right, from the photo alone.
        label_free={
            case: evidence.aligned[case].right
            for case, run in evidence.runs.items()
            if case in best
            and run.model.family == "label-free"
            and run.model.reads == ("photo",)
            and spec.family == "zero-shot"
            and towers_of(run.model) == towers_of(spec)
        },
    )
    curves = few_shot(
        spec.name,
        data.dataset.classes,
        setting,
        zero_shot_case=chosen if head else None,
        progress=partial(bench.engine.settings.progress, f"learning curves of {spec.name}"),
    )
    return (curves,)


def _retrieval(bench: Bench, photos: FloatArray) -> tuple[records.Retrieval, ...]:
    """(N, D) test photos to titles and back, for a model that reads texts."""
    titles = {sample.id: sample.title for sample in bench.data.samples(bench.data.split.test)}
    if not bench.model.spec.reads_texts or not all(titles.values()):
        return ()
    texts = {sample: (title,) for sample, title in titles.items() if title}
    prompts = PromptSet(name="titles", title="Titres", language="", texts=texts)
    weight = bench.texts(prompts, tuple(texts)).weight
    return retrieve(bench.model.spec.name, photos, weight, [title for (title,) in texts.values()])
