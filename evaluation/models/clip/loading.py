"""Around open_clip's own loading: how a checkpoint is read, and what is raised, in one line."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from evaluation.errors import ModelError, VeilleError, WeightsMismatch, WeightsUnavailable, one_line
from evaluation.models.checkpoints import misfit
from evaluation.models.clip.sources import Source
from evaluation.records import ModelSpec

_ODD_CONTENT = (
    *(KeyError, AttributeError, IndexError, TypeError),
    *(StopIteration, AssertionError, ValueError),
)
"""What open_clip meets when it looks into a checkpoint of something else."""
_NEEDS_NETWORK = (
    *("Failed to download", "Failed initial config"),
    *("couldn't connect", "outgoing traffic"),
)
"""What it says, or transformers below it, where something would have had to be fetched."""


@contextlib.contextmanager
def telling(spec: ModelSpec, source: Source) -> Iterator[None]:
    """Turns what PyTorch, transformers and open_clip raise into one line."""
    try:
        yield
    except (MemoryError, VeilleError):
        raise
    except Exception as error:
        what = spec.architecture or source.config.get("name") or "its own configuration"
        if "Error(s) in loading state_dict" in str(error):
            raise misfit(error, what, source.checkpoint) from error
        hub = type(error).__module__.startswith(("huggingface_hub", "httpx"))
        if hub or any(sign in str(error) for sign in _NEEDS_NETWORK):
            raise WeightsUnavailable(
                f"a part of the model cannot be fetched ({one_line(error)})",
                where=spec.name,
                remedy="run once with the network",
                reason="unreachable",
            ) from error
        if isinstance(error, _ODD_CONTENT):
            raise WeightsMismatch(
                f"the checkpoint does not look like one of {what} ({one_line(error)})",
                where=source.checkpoint,
                remedy="declare the architecture that it was trained with",
            ) from error
        raise ModelError(
            f"cannot be loaded ({one_line(error)})", where=source.checkpoint
        ) from error


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
