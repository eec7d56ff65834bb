"""What a training leaves in the cache: a checkpoint each epoch, and its result.

::

    epoch-0007.safetensors   weights, moving average and optimiser after epoch 7
    epoch-0007.json          the numbers so far; written after the tensors that it names
    best-0004.safetensors    the weights that are kept
    result.json              written last: the training is over

Every file is written to a temporary name and renamed, and what came before goes only then: a
process killed at any moment leaves a checkpoint that can be continued.
"""

import contextlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from evaluation.errors import ModelError, VeilleWarning, one_line
from evaluation.files import json_object, replacing
from evaluation.models.checkpoints import file_digest
from evaluation.records import digest_of

Tensors = Mapping[str, torch.Tensor]

RESULT = "result.json"


class Saves:
    """The folder of one training; raises :class:`ModelError` when it cannot be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write_epoch(self, number: int, info: Mapping[str, Any], tensors: Tensors) -> None:
        """Saves an epoch, and forgets the one before."""
        name = f"epoch-{number:04d}"
        self._write_tensors(f"{name}.safetensors", tensors)
        files = {f"{name}.safetensors", str(info["best"])}
        self._write_json(f"{name}.json", info, files)
        self._remove_all_but({f"{name}.json", *files})

    def write_best(self, number: int, tensors: Tensors) -> str:
        """Saves the weights of the best epoch so far; returns their file's name."""
        name = f"best-{number:04d}.safetensors"
        self._write_tensors(name, tensors)
        return name

    def finish(self, info: Mapping[str, Any]) -> None:
        """Says that the training is over, and keeps the best weights alone."""
        self._write_json(RESULT, info, {str(info["best"])})
        self._remove_all_but({RESULT, str(info["best"])})

    def result(self) -> dict[str, Any] | None:
        """What :meth:`finish` wrote, if its weights are still there."""
        return self._whole(self.folder / RESULT)

    def last_epoch(self) -> tuple[dict[str, Any], dict[str, torch.Tensor]] | None:
        """The last epoch that was saved whole: its numbers and its tensors."""
        for path in sorted(self.folder.glob("epoch-*.json"), reverse=True):
            info = self._whole(path)
            if info is not None:
                # A file that cannot be read is as good as none: its epochs are made again.
                with contextlib.suppress(Exception):
                    return info, load_file(path.with_suffix(".safetensors"))
        return None

    def clear(self) -> None:
        """Forgets everything."""
        self._remove_all_but(set())

    def _whole(self, path: Path) -> dict[str, Any] | None:
        """The numbers of a file, when it and those that it names are as they were written."""
        try:
            info = json_object(path)
            seal, digests = info.pop("seal", None), info.pop("files", {})
            sound = seal in (None, digest_of([info, digests])) and all(
                file_digest(self.folder / name) == digest for name, digest in digests.items()
            )
            if sound and (self.folder / str(info["best"])).is_file():
                return info
        except FileNotFoundError:
            return None
        except (ModelError, OSError, ValueError, KeyError, AttributeError):
            pass
        warnings.warn(
            f"{path}: a training that was kept is damaged: its epochs are made again",
            VeilleWarning,
            stacklevel=2,
        )
        return None

    def _remove_all_but(self, keep: set[str]) -> None:
        with self._reporting():
            for path in self.folder.iterdir() if self.folder.is_dir() else ():
                if path.name not in keep:
                    path.unlink()

    def _write_tensors(self, name: str, tensors: Tensors) -> None:
        plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        self._write(name, lambda path: save_file(plain, path))

    def _write_json(self, name: str, info: Mapping[str, Any], files: set[str]) -> None:
        digests = {file: file_digest(self.folder / file) for file in sorted(files) if file}
        sealed = {**info, "files": digests, "seal": digest_of([info, digests])}
        text = json.dumps(sealed, sort_keys=True, allow_nan=False)
        self._write(name, lambda path: path.write_text(text, encoding="utf-8"))

    def _write(self, name: str, write: Callable[[Path], object]) -> None:
        with self._reporting(), replacing(self.folder / name) as draft:
            write(draft)

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except (OSError, SafetensorError) as error:
            raise ModelError(
                f"the checkpoint of a training cannot be written ({one_line(error)})",
                where=self.folder,
                remedy="free some disk space, or choose another folder with VEILLE_CACHE;"
                " the epochs that are saved are kept",
            ) from error
