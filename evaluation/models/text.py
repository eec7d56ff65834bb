"""The text side of a zero-shot model: what reads sentences, and the zero-shot head.

A prompt edit embeds a few sentences.  PyTorch, transformers and open_clip take ten seconds of
processor time to import, and the model that holds the embedded model's encoder has an image tower:
neither is needed for six layers of 384 numbers, so that encoder is written here in NumPy.  Devlin
et al. 2019 (BERT), Reimers and Gurevych 2019 (the mean of the tokens); the tests compare it with
the same tower in open_clip.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import ModelError
from evaluation.files import json_object
from evaluation.records import FloatArray, PromptSet
from evaluation.records.base import unit

if TYPE_CHECKING:
    import torch

Rows = NDArray[np.float32]
BATCH = 64
"""Sentences per forward pass."""


class OpenClipTexts:
    """The text tower of an open_clip model."""

    def __init__(self, model: Any, tokenizer: Any, device: torch.device) -> None:
        self._model, self._tokenizer, self._device = model, tokenizer, device
        self.context_length = int(tokenizer.context_length)
        """Tokens that are read of a sentence, its marks included."""

    def features(self, sentences: Sequence[str]) -> Rows:
        """N sentences to (N, D) float32 of any length."""
        import torch

        rows = []
        with torch.inference_mode():
            for start in range(0, len(sentences), BATCH):
                tokens = self._tokenizer(list(sentences[start : start + BATCH]))
                features = self._model.encode_text(tokens.to(self._device))
                rows.append(features.float().cpu().numpy())
        return np.concatenate(rows)

    def count_tokens(self, sentence: str) -> int:
        """Tokens of a sentence, its start and end marks included, before any cut."""
        inner = getattr(self._tokenizer, "tokenizer", None)
        if inner is None:  # SimpleTokenizer; start and end
            return len(self._tokenizer.encode(sentence)) + 2
        if (clean := getattr(self._tokenizer, "clean_fn", None)) is not None:
            text = clean(sentence)
        else:  # SigLipTokenizer
            from open_clip.tokenizer import basic_clean, canonicalize_text

            text = canonicalize_text(basic_clean(sentence))
        clips = getattr(self._tokenizer, "tokenizer_mode", "") == "clips"
        ids = inner(text, truncation=False, add_special_tokens=not clips, verbose=False).input_ids
        return len(ids) + (3 if clips else 0)  # start, end, and the class token


class SentenceEncoder:
    """A BERT's tokens and means; its files are read at their first use."""

    def __init__(
        self, folder: Path, checkpoint: Path, context_length: int, prefix: str = "text.transformer."
    ) -> None:
        """Of a folder with ``tokenizer.json`` and ``config.json``, and a safetensors checkpoint.

        ``context_length`` tokens are read of a sentence, its marks included; ``prefix`` is that of
        the encoder's tensors in the checkpoint: open_clip's, or none.
        """
        self._folder, self._checkpoint, self._prefix = folder, checkpoint, prefix
        self.context_length = context_length

    def count_tokens(self, sentence: str) -> int:
        """As :meth:`OpenClipTexts.count_tokens`."""
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        return len(self._tokenizer.encode(_clean(sentence)).ids)

    def features(self, sentences: Sequence[str]) -> Rows:
        """As :meth:`OpenClipTexts.features`."""
        self._tokenizer.enable_truncation(self.context_length)
        self._tokenizer.enable_padding()
        parts = []
        for start in range(0, len(sentences), BATCH):
            lines = self._tokenizer.encode_batch([*map(_clean, sentences[start : start + BATCH])])
            ids = np.array([line.ids for line in lines])
            shown = np.array([line.attention_mask for line in lines], dtype=np.float32)[..., None]
            states = self._states(ids, shown[..., 0] > 0)
            parts.append((states * shown).sum(axis=1) / shown.sum(axis=1))
        return np.concatenate(parts)

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(self._folder / "tokenizer.json"))

    @cached_property
    def _config(self) -> dict[str, Any]:
        return json_object(self._folder / "config.json")

    @cached_property
    def _tensors(self) -> dict[str, Rows]:
        from safetensors import safe_open

        with safe_open(self._checkpoint, framework="numpy") as file:
            names = [name for name in file.keys() if name.startswith(self._prefix)]  # noqa: SIM118
            return {name.removeprefix(self._prefix): file.get_tensor(name) for name in names}

    def _states(self, ids: NDArray[np.int64], shown: NDArray[np.bool_]) -> Rows:
        """(B, T, D) of the last layer, for (B, T) tokens of which some are padding."""
        from scipy.special import erf

        table = self._tensors
        states: Rows = table["embeddings.word_embeddings.weight"][ids]
        states = states + table["embeddings.position_embeddings.weight"][: ids.shape[1]]
        states = states + table["embeddings.token_type_embeddings.weight"][0]
        states = self._normed("embeddings.LayerNorm", states)
        for number in range(self._config["num_hidden_layers"]):
            layer = f"encoder.layer.{number}"
            read = self._attended(f"{layer}.attention.self", states, shown)
            read = self._linear(f"{layer}.attention.output.dense", read)
            states = self._normed(f"{layer}.attention.output.LayerNorm", states + read)
            wide = self._linear(f"{layer}.intermediate.dense", states)
            wide = wide * (1 + erf(wide / np.float32(2**0.5))) / 2  # GELU
            narrow = self._linear(f"{layer}.output.dense", wide)
            states = self._normed(f"{layer}.output.LayerNorm", states + narrow)
        return states

    def _attended(self, name: str, states: Rows, shown: NDArray[np.bool_]) -> Rows:
        """(B, T, D): what each token reads of those that are shown."""
        heads = self._config["num_attention_heads"]

        def split(part: str) -> Rows:  # (B, H, T, D / H)
            rows = self._linear(f"{name}.{part}", states)
            return rows.reshape(*rows.shape[:2], heads, -1).swapaxes(1, 2)

        query, key, value = split("query"), split("key"), split("value")
        scores = query @ key.swapaxes(-1, -2) / np.float32(query.shape[-1] ** 0.5)
        scores = np.where(shown[:, None, None, :], scores, np.float32(-np.inf))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        read: Rows = (weights @ value).swapaxes(1, 2).reshape(states.shape)
        return read

    def _linear(self, name: str, rows: Rows) -> Rows:
        # One product of all tokens: NumPy would make one for each sentence, eight times slower.
        flat: Rows = rows.reshape(-1, rows.shape[-1]) @ self._tensors[f"{name}.weight"].T
        return flat.reshape(*rows.shape[:-1], -1) + self._tensors[f"{name}.bias"]

    def _normed(self, name: str, rows: Rows) -> Rows:
        centred = rows - rows.mean(axis=-1, keepdims=True)
        scale = np.sqrt(
            (centred**2).mean(axis=-1, keepdims=True) + np.float32(self._config["layer_norm_eps"])
        )
        result: Rows = centred / scale * self._tensors[f"{name}.weight"]
        return result + self._tensors[f"{name}.bias"]


def _clean(sentence: str) -> str:
    """As open_clip cleans what it tokenizes."""
    import ftfy

    return " ".join(html.unescape(html.unescape(ftfy.fix_text(sentence))).split())


TextTower = OpenClipTexts | SentenceEncoder


def class_embeddings(
    tower: TextTower,
    embed: Callable[[Sequence[str]], FloatArray],
    classes: Iterable[str],
    prompts: PromptSet,
) -> tuple[FloatArray, tuple[str, ...]]:
    """(C, D): the mean direction of each class's sentences (Radford et al. 2021, section 3.1.4).

    Every text of the class in every template; classes may have different numbers of them.
    ``embed`` takes N sentences to (N, D) of unit length.  Also returned is a line for each sentence
    that is longer than the tower reads.

    Raises :class:`ModelError` when a class has no text.
    """
    sentences = {
        label: prompts.sentences(label) if label in prompts.texts else () for label in classes
    }
    for label, texts in sentences.items():
        if not texts:
            raise ModelError(
                f'the prompt set "{prompts.name}" has no text for the class "{label}"',
                remedy="add one to its file",
            )
    distinct = tuple(dict.fromkeys(text for texts in sentences.values() for text in texts))
    rows = dict(zip(distinct, embed(distinct), strict=True))
    means = [np.mean([rows[text] for text in texts], axis=0) for texts in sentences.values()]
    limit = tower.context_length
    cut = tuple(
        f'prompt set "{prompts.name}", class "{label}": {count - limit} of {count} tokens are cut'
        f' (the model reads {limit}) from "{shorten(sentence, 60, placeholder="…")}"'
        for label, texts in sentences.items()
        for sentence in texts
        if (count := tower.count_tokens(sentence)) > limit
    )
    return unit(np.stack(means)), cut
