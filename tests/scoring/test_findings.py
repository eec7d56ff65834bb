"""Conclusions as data: the slides' counts, the opposite, the null, and no case by name."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.records import Finding
from evaluation.scoring.comparison import MARGIN, align, compare
from evaluation.scoring.findings import find, find_quoted
from tests.factories import make_scored
from tests.scoring.test_comparison import from_correct, with_counts

RUNS = (
    *(make_scored(f"tower/{prompts}", prompts) for prompts in ("names", "long", "noise")),
    make_scored("trunk"),
)


def findings(**counts: int) -> dict[str, Finding]:
    """Of nested cases on 210 images: tower/names, tower/long, tower/noise and trunk."""
    cases = with_counts(210, **{f"tower/{name}": count for name, count in counts.items()})
    cases = {name.replace("tower/trunk", "trunk"): one for name, one in cases.items()}
    found = find(compare(align(cases)), RUNS, names="names", controls={"noise": "long"})
    return {finding.topic: finding for finding in found}


def quoted(*, margin: float = MARGIN, **counts: int) -> dict[tuple[str, str], Finding]:
    return {(f.a, f.b): f for f in find_quoted(counts, 210, margin=margin)}


def test_the_slides_counts_say_a_tie_and_two_winners() -> None:
    """180, 177 and 117 of 210: a tie at the top, both beat the names."""
    found = findings(names=117, long=177, trunk=180)
    assert found["leaders"].members == ("trunk", "tower/long")
    assert found["leaders"].verdict == "tie"
    prompts = found["prompts"]
    assert (prompts.subject, prompts.a, prompts.b) == ("tower/long",) * 2 + ("tower/names",)
    assert (prompts.verdict, round(prompts.gap, 3)) == ("better", 0.286)
    training = found["training"]
    assert (training.subject, training.b, training.verdict) == ("trunk", "tower/long", "tie")


def test_opposite_counts_say_the_opposite() -> None:
    """Descriptions that harm: the names are the better ones, the descriptions the subject."""
    found = findings(names=177, long=117, trunk=60)
    prompts = found["prompts"]
    assert (prompts.a, prompts.subject, prompts.verdict) == ("tower/names", "tower/long", "better")
    training = found["training"]
    assert (training.a, training.subject) == ("tower/names", "trunk")
    assert training.verdict == "better"
    assert found["leaders"].members == ("tower/names",)


def test_an_adapted_case_has_its_rank_and_no_other_question() -> None:
    """It may be the next best, over which the leader is judged; it is no rival model."""
    adapted = make_scored("shop", "long", adapt=("titles",))
    cases = with_counts(210, **{"tower/names": 117, "shop": 150, "trunk": 190})
    found = find(compare(align(cases)), (*RUNS, adapted), names="names")
    topics = {finding.topic: finding for finding in found}
    assert (topics["leaders"].a, topics["leaders"].b) == ("trunk", "shop")
    assert topics["training"].b == "tower/names"
    assert "models" not in topics
    assert "prompts" not in topics


def test_null_data_separates_nothing() -> None:
    """Fair coins on 40 images: no finding says better, and none dares to say tie."""
    generator = np.random.default_rng(4)
    cases = {one.case: from_correct(generator.random(40) < 0.5) for one in RUNS}
    found = find(compare(align(cases)), RUNS, names="names", controls={"noise": "long"})
    assert {finding.verdict for finding in found} == {"inconclusive"}


def test_descriptions_must_beat_random_words() -> None:
    """The control is asked for, and neither leads nor is judged itself."""
    found = findings(names=117, noise=176, long=177)
    control = found["control"]
    assert (control.subject, control.b, control.verdict) == ("tower/long", "tower/noise", "tie")
    assert "tower/noise" not in found["leaders"].members
    assert found["prompts"].subject == "tower/long"


def test_random_words_are_no_measure_of_other_texts() -> None:
    """A control that is like the names is not held against the descriptions."""
    cases = with_counts(210, **{"tower/names": 117, "tower/long": 177, "tower/noise": 90})
    found = find(compare(align(cases)), RUNS, names="names", controls={"noise": "something else"})
    assert "control" not in {finding.topic for finding in found}


def test_models_meet_with_their_best_prompts() -> None:
    """Two zero-shot models: one finding, each with its most accurate prompt set."""
    runs = [make_scored(f"{model}/{p}", p) for model in ("m", "w") for p in ("names", "long")]
    counts = {"m/names": 100, "m/long": 150, "w/names": 190, "w/long": 120}
    comparison = compare(align(with_counts(210, **counts)))
    models = [f for f in find(comparison, runs, names="names") if f.topic == "models"]
    assert [(f.a, f.b, f.verdict) for f in models] == [("w/names", "m/long", "better")]


def test_findings_do_not_depend_on_names() -> None:
    """Cases of any other name give the same findings with those names."""
    cases = with_counts(210, **{"tower/names": 117, "tower/long": 177, "trunk": 180})
    renamed = {name.replace("tower", "x").replace("trunk", "y"): c for name, c in cases.items()}
    others = [
        *(make_scored(f"x/{prompts}", prompts) for prompts in ("names", "long", "noise")),
        make_scored("y"),
    ]
    ours = find(compare(align(cases)), RUNS, names="names")
    theirs = find(compare(align(renamed)), others, names="names")
    assert [(f.topic, f.verdict, f.p) for f in ours] == [(f.topic, f.verdict, f.p) for f in theirs]


def test_the_quoted_slides_hold_whatever_the_overlap() -> None:
    """From the counts alone: no test separates DenseNet and descriptions, both beat names.

    They are equivalent within ten points; on 210 photos nobody can show that within five.
    """
    found = quoted(densenet=180, names=117, descriptions=177)
    near = found["densenet", "descriptions"]
    assert (near.verdict, round(near.gap, 3)) == ("inconclusive", 0.014)
    assert -0.10 < near.low < 0 < near.high < 0.10
    wide = quoted(margin=0.10, densenet=180, names=117, descriptions=177)
    assert wide["densenet", "descriptions"].verdict == "tie"
    for winner in ("densenet", "descriptions"):
        finding = found[winner, "names"]
        assert finding.verdict == "better"
        assert finding.p < 2e-7
        assert finding.low > 0.18


def test_every_possible_overlap_agrees_with_the_quoted_verdicts() -> None:
    """Images built with each overlap in turn: the measured verdict is the quoted one."""
    for c in range(0, 31, 5):
        densenet = np.arange(210) < 180
        descriptions = np.arange(210) < 180
        descriptions[: 3 + c] = False  # right with DenseNet only
        descriptions[180 : 180 + c] = True  # right with the descriptions only
        assert descriptions.sum() == 177
        aligned = align({"d": from_correct(densenet), "t": from_correct(descriptions)})
        pair = compare(aligned, margin=0.10).pairs[0]
        assert (pair.only_a, pair.only_b, pair.verdict) == (3 + c, c, "tie")


def test_counts_that_leave_it_open_are_inconclusive() -> None:
    """180 against 168: significant when the errors nest, not when they are disjoint."""
    assert quoted(a=180, b=168)["a", "b"].verdict == "inconclusive"


@pytest.mark.parametrize("n", [10, 30])
def test_few_quoted_images_are_inconclusive(n: int) -> None:
    """Equal counts on few images are no tie."""
    same = dict.fromkeys("ab", n // 2)
    assert find_quoted(same, n)[0].verdict == "inconclusive"
