"""What the maps are worth, on two trained CLIPs and scenes whose truth is known.

The numbers are those of the literature's sanity checks: class discrimination, the pointing
game, deletion and insertion, and the randomisation of weights and labels (Adebayo et al. 2018).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluation.explain.base import margin_score
from evaluation.explain.faithfulness import (
    CONTROLS,
    control_map,
    randomised,
    ranking,
    similarity,
    summarise_curves,
)
from evaluation.explain.recorder import RecordedAttention, recording
from evaluation.explain.towers import inspect_tower
from evaluation.records import ExplainMethod, Faithfulness, Head
from tests.explain.conftest import RISE, Explained
from tests.explain.models import TOYS, PlainModel, class_maps, curves_of, toy
from tests.explain.shapes import SIDE, make_scenes
from tests.explain.train_toy import config, write_tokenizer

METHODS: tuple[ExplainMethod, ...] = ("attention-gradient", "chefer", "rise")
Explain = Callable[[str, ExplainMethod], Explained]


def pointing(found: Explained, method_map: Callable[[int, int], np.ndarray] | None = None) -> float:
    """Share of objects in which the highest point of their colour's map lies."""
    hits = []
    for i, colour, _ in found.pairs():
        values = (method_map or found.enlarged)(i, colour)
        y, x = np.unravel_index(values.argmax(), (SIDE, SIDE))
        hits.append(found.scenes.objects[i, colour, y, x])
    return float(np.mean(hits))


def target_share(found: Explained) -> float:
    """Of what a colour's map puts on the two objects, the share on its own."""
    shares = []
    for i, colour, other in found.pairs():
        mass = np.clip(found.enlarged(i, colour), 0, None)
        own, wrong = (mass[found.scenes.objects[i, c]].sum() for c in (colour, other))
        shares.append(own / max(own + wrong, 1e-12))
    return float(np.mean(shares))


def class_correlation(found: Explained) -> float:
    """Correlation of the maps of a scene's two colours."""
    return float(
        np.mean(
            [
                np.corrcoef(found.maps[i, a].ravel(), found.maps[i, b].ravel())[0, 1]
                for i, a, b in found.pairs()[::2]
            ]
        )
    )


@pytest.mark.parametrize("name", ["cls", "map"])
def test_the_toys_know_their_colours(
    name: str, toys: Mapping[str, tuple[PlainModel, Head]]
) -> None:
    """Without which none of the rest would mean anything."""
    model, head = toys[name]
    scenes = make_scenes(100, seed=77, objects=1)
    pixels = torch.stack([model.preprocess(scenes.image(i)) for i in range(100)])
    with torch.no_grad():
        logits = head.logits(model.forward(pixels).numpy())
    assert (logits.argmax(1) == scenes.present.argmax(1)).mean() >= 0.97


def test_the_checkpoints_are_small() -> None:
    files = [path for path in TOYS.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".safetensors"}
    assert sum(path.stat().st_size for path in files) <= 2_000_000


@pytest.mark.parametrize(("name", "pooling"), [("cls", "cls"), ("map", "map"), ("random", "cls")])
def test_the_checkpoints_are_those_of_the_script(name: str, pooling: str, tmp_path: Path) -> None:
    """Same configuration and tokenizer: who trains them anew replaces them like for like."""
    model, _ = toy(name)
    shipped = json.loads((TOYS / name / "open_clip_config.json").read_text())
    assert shipped["model_cfg"] == config(pooling)
    assert shipped["preprocess_cfg"]["size"] == [SIDE, SIDE]
    write_tokenizer(tmp_path)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / file).read_text() == (TOYS / name / file).read_text()
    assert hasattr(model.image_tower, "attn_pool")
    assert (model.image_tower.attn_pool is not None) == (pooling == "map")


# --------------------------------------------------------------- class discrimination


def raw_attention(records: list[RecordedAttention]) -> torch.Tensor:
    """(N, 64): what the last attention looks at, mean over heads."""
    return records[-1].weights.mean(1)[:, 0, 1:]


def rollout(records: list[RecordedAttention]) -> torch.Tensor:
    """(N, 64): attention multiplied through the layers (Abnar and Zuidema 2020)."""
    carried = torch.eye(65)
    for record in records:
        weights = record.weights.mean(1)
        square = weights.shape[-2] == weights.shape[-1]
        carried = (weights + torch.eye(65) if square else weights) @ carried
    return carried[:, 0, 1:]


@pytest.mark.parametrize("name", ["cls", "map"])
@pytest.mark.parametrize("method", [raw_attention, rollout])
def test_attention_alone_is_the_same_for_every_text(
    name: str,
    method: Callable[[list[RecordedAttention]], torch.Tensor],
    toys: Mapping[str, tuple[PlainModel, Head]],
    explained: Explain,
) -> None:
    """Two heads, two texts: correlation 1.00. It must never be titled "per prompt"."""
    model, head = toys[name]
    maps = []
    for rows in ([0, 1, 2], [6, 5, 4]):
        score = margin_score(Head(weight=head.weight[rows], bias=head.bias[rows]))
        with recording() as records:
            score(model.forward(explained(name, "chefer").pixels))
        maps.append(method(records).detach().numpy())
    for one, other in zip(*maps, strict=True):
        assert np.corrcoef(one, other)[0, 1] == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["cls", "map"])
def test_chefer_tells_the_classes_apart(name: str, explained: Explain) -> None:
    """The maps of a scene's two colours correlate by 0.2 at most."""
    assert class_correlation(explained(name, "chefer")) <= 0.2


@pytest.mark.parametrize("name", ["cls", "map"])
@pytest.mark.parametrize("method", METHODS)
def test_the_mass_lies_on_the_object_of_that_colour(
    name: str, method: ExplainMethod, explained: Explain
) -> None:
    """Three quarters of it at least, where half would be chance."""
    assert target_share(explained(name, method)) >= 0.75


# ------------------------------------------------------------------- the pointing game


@pytest.mark.parametrize(
    ("name", "method", "floor"),
    [
        ("cls", "rise", 0.85),
        ("map", "rise", 0.85),
        ("cls", "chefer", 0.75),
        ("map", "attention-gradient", 0.75),
    ],
)
def test_the_peak_is_on_the_object(
    name: str, method: ExplainMethod, floor: float, explained: Explain
) -> None:
    assert pointing(explained(name, method)) >= floor


def test_a_random_map_points_by_chance(explained: Explain) -> None:
    """The control of the pointing game: 0.11 ± 0.08."""
    found = explained("cls", "chefer")
    rng = np.random.default_rng(0)
    shares = [pointing(found, lambda _i, _c: rng.random((SIDE, SIDE))) for _ in range(10)]
    assert np.mean(shares) == pytest.approx(0.11, abs=0.08)


# ------------------------------------------------------------- deletion and insertion


def faithfulness(found: Explained, method: str) -> dict[tuple[str, str, str], Faithfulness]:
    """Rows of the method and the controls, for the predicted colours."""
    curves = {}
    for name in (method, *CONTROLS):
        curves[name] = [
            curves_of(
                found.model,
                found.head,
                found.pixels[i],
                int(target),
                ranking(
                    found.maps[i, target] if name == method else control_map(name, seed=i),
                    (SIDE, SIDE),
                    seed=i,
                ),
                steps=16,
            )
            for i, target in enumerate(found.targets)
        ]
    return {(row.method, row.measure, row.baseline): row for row in summarise_curves(curves)}


@pytest.mark.parametrize("name", ["cls", "map"])
def test_rise_deletes_and_inserts_what_counts(name: str, explained: Explain) -> None:
    """Area 0.10 at most and 0.80 at least, and better than both controls."""
    rows = faithfulness(explained(name, "rise"), "rise")
    deletion, insertion = (rows["rise", measure, "mean"] for measure in ("deletion", "insertion"))
    assert deletion.area.value is not None
    assert insertion.area.value is not None
    assert deletion.area.value <= 0.10
    assert insertion.area.value >= 0.80
    assert deletion.faithful
    assert insertion.faithful
    for control in CONTROLS:
        assert 0.3 < (rows[control, "deletion", "mean"].area.value or 0) < 0.7
        assert not rows[control, "deletion", "mean"].faithful


@pytest.mark.parametrize(("name", "method"), [("cls", "chefer"), ("map", "attention-gradient")])
def test_a_tower_s_own_method_beats_both_controls(
    name: str, method: ExplainMethod, explained: Explain
) -> None:
    rows = faithfulness(explained(name, method), method)
    for measure in ("deletion", "insertion"):
        assert rows[method, measure, "mean"].faithful


def test_a_map_turned_upside_down_beats_no_control(explained: Explain) -> None:
    """The measure can say no: what counts least is taken first."""
    found = explained("cls", "chefer")
    rows = faithfulness(replace(found, maps=-found.maps), "chefer")
    assert rows["chefer", "deletion", "mean"].beats == ()
    assert rows["chefer", "insertion", "mean"].beats == ()


# ------------------------------------------------------------------------ randomisation


def again(found: Explained, model: PlainModel, head: Head, method: ExplainMethod) -> np.ndarray:
    """Maps of three scenes with other weights."""
    return class_maps(
        method,
        model,
        inspect_tower(model),
        margin_score(head),
        found.pixels[:3],
        settings=RISE,
        batch_size=125,
    ).values


def mean_similarity(found: Explained, maps: np.ndarray) -> float:
    return float(np.mean([similarity(found.maps[i], one) for i, one in enumerate(maps)]))


@pytest.mark.parametrize(
    ("name", "method"), [("cls", "chefer"), ("cls", "rise"), ("map", "attention-gradient")]
)
def test_nothing_is_left_of_a_map_when_all_weights_are_random(
    name: str, method: ExplainMethod, explained: Explain
) -> None:
    """Spearman's correlation with the trained model's map is 0.3 at most."""
    found = explained(name, method)
    model, head = toy(name)
    with randomised(model.image_tower, 1.0):
        shuffled = again(found, model, head, method)
    assert abs(mean_similarity(found, shuffled)) <= 0.3
    restored = again(found, model, head, method)
    assert mean_similarity(found, restored) > 0.999


def test_a_map_fades_as_the_weights_go(explained: Explain) -> None:
    """From the output down: each half of the cascade leaves less of Chefer's map."""
    found = explained("cls", "chefer")
    left = []
    for share in (0.25, 0.75, 1.0):
        model, head = toy("cls")
        with randomised(model.image_tower, share):
            left.append(mean_similarity(found, again(found, model, head, "chefer")))
    assert 1 > left[0] > left[1] > abs(left[2]) - 0.05


def test_a_map_of_edges_survives_any_randomisation(explained: Explain) -> None:
    """The negative control: it never looked at the model."""
    found = explained("cls", "chefer")
    model, _ = toy("cls")

    def edges() -> np.ndarray:
        grey = found.pixels[:3].mean(1)
        return torch.stack([torch.hypot(*torch.gradient(one)) for one in grey]).numpy()

    before = edges()
    with randomised(model.image_tower, 1.0):
        assert similarity(before, edges()) == pytest.approx(1.0)


@pytest.mark.parametrize("method", ["attention-gradient", "chefer", "rise"])
def test_a_model_of_random_labels_has_other_maps(method: ExplainMethod, explained: Explain) -> None:
    """It learnt the same kind of scenes by heart; its maps are not those of the colours."""
    found = explained("cls", method)
    model, head = toy("random")
    assert mean_similarity(found, again(found, model, head, method)) <= 0.3
