"""Around open_clip's own loading: how a checkpoint is read, and what is raised, in one line."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from evaluation.errors import ModelError, VeilleError, WeightsMismatch, WeightsUnavailable, one_line
from evaluation.models.checkpoints import misfit
from evaluation.models.clip.sources import Source
from evaluation.records import ModelSpec


@contextlib.contextmanager
def telling(spec: ModelSpec, source: Source) -> Iterator[None]:
    """Turns what PyTorch, safetensors and open_clip raise into one line."""
    try:
        yield
    except (MemoryError, VeilleError):
        raise
    except Exception as error:
        raise _loading_error(spec, source, error) from error


def _loading_error(spec: ModelSpec, source: Source, error: Exception) -> ModelError:
    what = spec.architecture or source.config.get("name") or "its own configuration"
    text = str(error)
    if "Error(s) in loading state_dict" in text:
        return misfit(error, what, source.checkpoint)
    if "TorchScript" in text:
        return ModelError(
            "a TorchScript archive, which cannot be read without running its code",
            where=source.checkpoint,
            remedy="convert it to .safetensors",
        )
    if _needs_network(error):
        return WeightsUnavailable(
            f"a part of the model cannot be fetched ({one_line(error)})",
            where=spec.name,
            remedy="run once with the network",
            reason="unreachable",
        )
    if _is_unreadable(error):
        return ModelError(
            "the checkpoint is damaged, cut short, or not a file of plain tensors",
            where=source.checkpoint,
            remedy="fetch or write it again, if possible as .safetensors",
        )
    if isinstance(error, _ODD_CONTENT):
        return WeightsMismatch(
            f"the checkpoint does not look like one of {what} ({one_line(error)})",
            where=source.checkpoint,
            remedy="declare the architecture that it was trained with",
        )
    return ModelError(f"cannot be loaded ({one_line(error)})", where=source.checkpoint)


_ODD_CONTENT = (
    KeyError, AttributeError, IndexError, TypeError, StopIteration, AssertionError, ValueError,
)  # fmt: skip
"""What open_clip meets when it looks into a checkpoint of something else."""


def _needs_network(error: BaseException) -> bool:
    """Whether open_clip, or transformers below it, would have had to fetch something."""
    signs = ("Failed to download", "Failed initial config", "couldn't connect", "outgoing traffic")
    hub = type(error).__module__.startswith(("huggingface_hub", "httpx"))
    return hub or any(sign in str(error) for sign in signs)


def _is_unreadable(error: BaseException) -> bool:
    """Whether the file is no checkpoint at all, or half of one."""
    signs = ("PytorchStreamReader", "Weights only load failed", "invalid load key")
    return (
        type(error).__name__ == "SafetensorError"
        or isinstance(error, (EOFError, OSError))
        or any(sign in str(error) for sign in signs)
    )


@contextlib.contextmanager
def reading_with(read: Callable[[Path], dict[str, Any]]) -> Iterator[None]:
    """open_clip's own reader knows two wrappers of a checkpoint; ours the usual ones."""
    from open_clip import factory

    theirs = factory.load_state_dict
    factory.load_state_dict = lambda path, **_how: read(Path(path))
    try:
        yield
    finally:
        factory.load_state_dict = theirs
