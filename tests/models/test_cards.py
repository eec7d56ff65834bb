"""Model cards: sizes that are computed, facts that are quoted with their source."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from open_clip.pretrained import get_pretrained_cfg

from evaluation.models import cards, model_card
from evaluation.records import ModelCard, ModelSpec
from tests.studies import tiny_model

PUBLISHED = {
    # image GFLOPs and millions of parameters, image and text: open_clip's docs/model_profile.csv
    "ViT-B-32": (8.82, 87.85, 63.43),
    "RN50": (12.22, 38.32, 63.69),
    "convnext_base": (30.71, 88.09, 63.43),
    "EVA02-B-16": (35.13, 86.26, 63.43),
    "coca_ViT-B-32": (9.19, 89.16, 63.43),
    "ViT-B-16-SigLIP": (35.42, 92.88, 110.27),
}


def card(weights: object, architecture: str = "", kind: str = "clip") -> ModelCard:
    return model_card(
        ModelSpec(
            name="essai",
            kind=kind,  # type: ignore[arg-type]
            architecture=architecture,
            weights=str(weights),
            title="Essai",
        )
    )


@pytest.mark.parametrize("architecture", PUBLISHED)
def test_sizes_are_those_of_open_clip_s_table(architecture: str) -> None:
    """Computed without any weights, they agree with what open_clip publishes."""
    found = card("whatever", architecture)
    gflops, image, text = PUBLISHED[architecture]
    assert found.image_gflops == pytest.approx(gflops, abs=0.01)
    assert (found.image_parameters or 0) / 1e6 == pytest.approx(image, abs=0.01)
    assert (found.text_parameters or 0) / 1e6 == pytest.approx(text, abs=0.01)
    assert found.resolution == (224, 224)


def test_a_licence_that_forbids_commercial_use_is_known() -> None:
    """MobileCLIP2's does, SigLIP 2's does not; both say where."""
    mobile = card("dfndr2b", "MobileCLIP2-S0")
    siglip = card("webli", "ViT-B-16-SigLIP2")
    assert mobile.licence is not None
    assert siglip.licence is not None
    assert (mobile.licence.commercial, siglip.licence.commercial) == (False, True)
    assert mobile.licence.url.startswith("https://")
    assert mobile.training["fr"] != mobile.training["en"]
    assert siglip.published_source.endswith("openclip_results.csv")


def test_a_repository_that_open_clip_lists_has_the_facts_of_its_tag() -> None:
    """The same weights under another name have the same card, but for the name."""
    by_hub, by_tag = card("hf-hub:timm/PE-Core-B-16"), card("meta", "PE-Core-B-16")
    assert by_hub.licence == by_tag.licence
    assert by_hub.image_gflops == by_tag.image_gflops


def test_the_embedded_models_have_cards() -> None:
    """Their sizes are computed from the installed packages, at their own resolution."""
    zero_shot, trunk = card("embedded"), card("embedded", "tf_efficientnet_lite2", "supervised")
    assert zero_shot.resolution == trunk.resolution == (260, 260)
    assert zero_shot.context_length == 256
    assert (trunk.text_parameters, trunk.embed_dim) == (None, 1280)
    # The projection of the assembled model: 1280 features to 384.
    assert zero_shot.image_parameters == (trunk.image_parameters or 0) + 1280 * 384


def test_a_supervised_trunk_of_torchvision_has_a_card() -> None:
    """DenseNet201 without its last layer: 20.01 million parameters less 1000 x 1921."""
    found = card("imagenet", "densenet201", "supervised")
    assert found.image_parameters == 20_013_928 - 1000 * 1921
    assert found.image_gflops == pytest.approx(2 * 4.29, abs=0.01)  # torchvision's GFLOPS are MAC
    assert found.licence is not None
    assert found.licence.commercial is None


def test_a_folder_has_its_own_configuration(tmp_path: Path) -> None:
    """Sizes of a local model are computed; nothing is known of its licence."""
    tiny_model(tmp_path)
    found = card(tmp_path)
    assert (found.embed_dim, found.resolution, found.context_length) == (16, (32, 32), 16)
    assert found.licence is None
    assert found.page == ""


def test_what_cannot_be_built_has_an_empty_card() -> None:
    """A mistake in the study is told when the case runs: a card raises nothing."""
    found = card("none", "no-such-architecture")
    assert (found.resolution, found.image_gflops, found.licence) == (None, None, None)
    assert card("hf-hub:nobody/nothing").page == "https://huggingface.co/nobody/nothing"


def test_every_fact_is_of_weights_that_exist_and_has_its_sources() -> None:
    """open_clip lists each tag; a licence has an address; both languages are there."""
    for entry in tomllib.loads(cards.FACTS.read_text(encoding="utf-8"))["models"]:
        if "architecture" in entry:
            assert get_pretrained_cfg(entry["architecture"], entry["weights"]), entry
        assert set(entry["training"]) == {"fr", "en"}
        assert ("licence" in entry) == ("licence_url" in entry)
        assert "commercial" not in entry or "licence" in entry
