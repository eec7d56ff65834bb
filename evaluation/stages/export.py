"""``veille export``: a case in a folder of its own, which runs without this program."""

import importlib.metadata
import json
import runpy
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.data.photos import open_photo
from evaluation.errors import ModelError, one_line
from evaluation.files import replacing
from evaluation.models.base import input_size
from evaluation.records import Case
from evaluation.scoring.abstention import TARGET
from evaluation.stages import taken_home
from evaluation.stages.engine import Engine
from evaluation.stages.open import StudyData
from evaluation.stages.predict import ReadyCase, ready_case

SCRIPT = "predict.py"
TRIED = 8
"""Photos that the folder must classify as this program does before it is given out."""
TOLERANCE = 1e-3
"""Between probabilities: convolutions are fused with their norms here, and not there."""
_PACKAGES = ("torch", "torchvision", "open_clip_torch", "timm")


def export(
    case: Case,
    data: StudyData,
    engine: Engine,
    folder: Path,
    target: float = TARGET,
    *,
    onnx: bool = False,
) -> float:
    """Writes a case to a folder, whole or not at all, once its script agrees with this program.

    Returns the largest difference of a probability, on the test photos that were tried.

    Raises :class:`ModelError`: the folder exists; the case cannot be exported; its script
    disagrees; :class:`VeilleError`: as :func:`ready_case`.
    """
    if folder.exists():
        raise ModelError("this folder exists", where=folder, remedy="name a new one")
    ready = ready_case(case, data, engine, target)
    model = ready.bench.model
    described = {
        "case": case.id,
        "classes": data.dataset.classes,
        "threshold": ready.threshold,
        "target": target,
        "preprocess": dict(model.preprocessing),
        "tower": dict(model.architecture),
        "unit": model.unit,
    }
    with replacing(folder, folder=True) as work:
        _save(work / "tower.safetensors", model.image_tower.state_dict())
        head = {"weight": ready.head.weight, "bias": ready.head.bias, "layer": ready.head.layer}
        # In one precision, whichever each part was learnt in: that in which heads compute here.
        fitted = {name: np.float64(value) for name, value in head.items() if value is not None}
        _save(work / "head.safetensors", fitted)
        (work / "case.json").write_text(json.dumps(described, indent=2), encoding="utf-8")
        script, installed = Path(taken_home.__file__), importlib.metadata.version
        packages = (f"{name}=={installed(name).partition('+')[0]}" for name in _PACKAGES)
        readme = (
            script.with_suffix(".txt")
            .read_text(encoding="utf-8")
            .format(case=case.id, version=installed("veille-clip"), packages=" ".join(packages))
        )
        (work / "README.txt").write_text(readme, encoding="utf-8")
        shutil.copyfile(script, work / SCRIPT)
        classifier = runpy.run_path(str(work / SCRIPT))["Classifier"]()
        apart = _apart(classifier, data, ready)
        if apart > TOLERANCE:
            raise ModelError(
                f"the exported folder disagrees with this program by {apart:.2g} in a probability",
                where=case.id,
                remedy="this architecture cannot be exported",
            )
        if onnx:
            _write_onnx(work / "model.onnx", classifier, case)
    return apart


def _save(path: Path, tensors: Mapping[str, Any]) -> None:
    import torch
    from safetensors.torch import save_file

    # Copies: safetensors refuses tensors that share memory.
    save_file(
        {name: torch.as_tensor(part).clone().contiguous() for name, part in tensors.items()}, path
    )


def _apart(classifier: Any, data: StudyData, ready: ReadyCase) -> float:
    photos = [
        open_photo(sample.image, sample.bits) for sample in data.samples(data.split.test[:TRIED])
    ]
    probabilities = np.stack([classifier.predict(photo).numpy() for photo in photos])
    return float(np.abs(probabilities - ready.test.probabilities[:TRIED]).max())


def _write_onnx(path: Path, classifier: Any, case: Case) -> None:
    import torch

    try:
        torch.onnx.export(
            classifier,
            (torch.zeros(2, 3, *input_size(classifier.case["preprocess"])),),
            path,
            input_names=["pixels"],
            output_names=["probabilities"],
            dynamic_shapes=({0: torch.export.Dim("photos")},),
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    except ModuleNotFoundError as error:
        raise ModelError(
            f"ONNX needs the package {error.name}, which is not installed here",
            where=case.id,
            remedy='pip install "veille-clip[onnx]"',
        ) from None
    except Exception as error:  # each architecture fails in its own way
        raise ModelError(
            f"PyTorch cannot write it as ONNX ({one_line(error, 80)})",
            where=case.id,
            remedy="export it without --onnx",
        ) from error
