"""Reading a checkpoint into open_clip's model, and what is in one of the user's own."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from evaluation.models.base import Loading
from evaluation.models.checkpoints import Checkpoint, read_checkpoint
from evaluation.models.clip.failures import telling
from evaluation.models.clip.sources import find_source
from evaluation.records import ModelSpec


def opened(spec: ModelSpec, classes: Sequence[str]) -> str:  # noqa: ARG001 - it has no head
    """See :meth:`evaluation.models.base.Maker.opened`."""
    import open_clip
    import torch

    source = find_source(spec, Loading(cache=Path(), offline=True))
    read: list[Checkpoint] = []

    def shapes(path: Path) -> dict[str, Any]:
        with torch.device("cpu"):
            read.append(read_checkpoint(path))
        return {name: value.to("meta") for name, value in read[0].tensors.items()}

    # On "meta" nothing is drawn nor copied: names and shapes alone are compared.
    with telling(spec, source), reading_with(shapes), torch.device("meta"):
        open_clip.create_model_from_pretrained(
            source.model, source.pretrained, device="meta", weights_only=True, **source.overrides
        )
    found = read[0].fits(spec.architecture or source.checkpoint.parent.name)
    return "; ".join((found, *source.warnings))


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
