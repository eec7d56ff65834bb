"""How fast it is, as ratios within one run: `tox -e bench`, or this script with names of rows.

Each measure runs in a process of its own, in turn with the one that it is set beside, several
times; medians are kept.  Processor seconds are kept too, which other programs on the machine
disturb less.  Results are written to docs/benchmarks/MACHINE.json and gathered in
docs/benchmarks.md; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "benchmarks"
sys.path.insert(0, str(ROOT))
Measure = dict[str, float]
TRUNKS = {"lite2": ("tf_efficientnet_lite2", 260, 32), "densenet201": ("densenet201", 224, 16)}
"""An architecture of timm, its pixels, and the photos of a batch."""


def _timed(work: Callable[[], object], rounds: int = 5) -> Measure:
    """Medians over rounds, after two that do not count."""
    work()
    work()
    walls, processors = [], []
    for _ in range(rounds):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return {"seconds": median(walls), "processor": median(processors)}


# ----------------------------------------------------------------------- encoder


def _trunk(name: str) -> tuple[Any, Any]:
    """A trunk with random weights and norms that do something, and a batch; channels last."""
    import timm
    import torch

    architecture, side, batch = TRUNKS[name]
    torch.manual_seed(0)
    trunk = timm.create_model(architecture, pretrained=False, num_classes=0).eval()
    for module in trunk.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    pixels = torch.randn(batch, 3, side, side)
    return trunk.to(memory_format=torch.channels_last), pixels.to(memory_format=torch.channels_last)


def encode(name: str, how: str) -> Measure:
    """A batch through a trunk: as PyTorch has it, as we run it, or in another runtime."""
    import torch

    from evaluation.models.devices import keep_freed_memory
    from evaluation.models.fusing import fused

    trunk, pixels = _trunk(name)
    if how in ("onnxruntime", "openvino"):
        return _elsewhere(trunk, pixels, how)
    if how != "eager":
        keep_freed_memory()
    with torch.inference_mode():
        runs = fused(trunk, tuple(pixels.shape[2:])) if how == "ours" else trunk
        return _timed(lambda: runs(pixels)) | {"photos": len(pixels)}


def _elsewhere(trunk: Any, pixels: Any, how: str) -> Measure:
    """The same trunk in another runtime, with as many threads as PyTorch takes."""
    import torch

    plain = pixels.contiguous()
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "trunk.onnx")
        trunk = trunk.to(memory_format=torch.contiguous_format)
        torch.onnx.export(trunk, plain, file, dynamo=False, opset_version=17)
        if how == "onnxruntime":
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            session = onnxruntime.InferenceSession(
                file, options, providers=["CPUExecutionProvider"]
            )
            given = {session.get_inputs()[0].name: plain.numpy()}
            return _timed(lambda: session.run(None, given)) | {"photos": len(plain)}
        import openvino

        hints = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        compiled = openvino.Core().compile_model(file, "CPU", hints)
        return _timed(lambda: compiled(plain.numpy())) | {"photos": len(plain)}


# ---------------------------------------------------------------------- commands


def command(what: str) -> Measure:
    """`veille eval` of a copy of the demo without maps: cold, with one text edited, unchanged."""
    from evaluation.study.config import SHIPPED

    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "demo"
        shutil.copytree(SHIPPED / "demo", study)
        given = [str(study / "study.toml"), "--no-maps", "--offline", "-q"]
        given += ["-k", "embedded/"] if what != "unchanged" else []
        given += ["--artefacts", str(Path(folder) / "artefacts")]
        cold = _eval(given)
        if what == "cold":
            return cold
        if what == "unchanged":
            return _eval(given)
        texts = study / "prompts" / "descriptions.toml"
        before = texts.read_text(encoding="utf-8")
        texts.write_text(re.sub(r'(= \[?"[^"]+)"', r'\1, edited"', before, count=4), "utf-8")
        return _eval([*given[:-3], "-k", "embedded/descriptions", *given[-2:]])


def _eval(given: list[str]) -> Measure:
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    veille = str(Path(sys.executable).with_name("veille"))
    subprocess.run([veille, "eval", *given], check=True, capture_output=True)  # noqa: S603
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": time.perf_counter() - clock, "processor": used}


# ------------------------------------------------------------------------- scale


def million(what: str) -> Measure:
    """10**6 embeddings of 384 numbers through a head of ten classes: scored, intervals, written."""
    import numpy as np

    from evaluation.records import Head, Predictions
    from evaluation.scoring import score, softmax
    from evaluation.stores.tables import read_predictions, write_table

    count, dimension, classes = 10**6, 384, 10
    generator = np.random.default_rng(0)
    means = generator.standard_normal((classes, dimension), dtype=np.float32)
    labels = generator.integers(classes, size=count)
    rows = generator.standard_normal((count, dimension), dtype=np.float32)
    for start in range(0, count, 10_000):  # in place: the embeddings are what is measured with
        rows[start : start + 10_000] += 0.05 * means[labels[start : start + 10_000]]
    clock, processor = time.perf_counter(), time.process_time()
    logits = Head(weight=means, bias=np.zeros(classes, dtype=np.float32)).logits(rows)
    table = Predictions(
        classes=tuple(f"class {c}" for c in range(classes)),
        sample_ids=tuple(f"{i:07d}" for i in range(count)),
        labels=labels,
        probabilities=softmax(logits),
        logits=logits,
    )
    scores = score(table)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.csv"
        write_table(path, table)
        found = {
            "seconds": time.perf_counter() - clock,
            "processor": time.process_time() - processor,
        }
        same = read_predictions(path).probabilities
        if what == "checked" and not np.array_equal(same, table.probabilities):
            raise SystemExit("what was written is not what was scored")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return found | {"gigabytes": peak, "accuracy": scores.metrics[0].value or 0.0}


# -------------------------------------------------------------------------- rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table: what is measured, and what it is set beside in the same run."""

    title: str
    run: Callable[..., Measure]
    ours: tuple[str, ...]
    beside: Mapping[str, tuple[str, ...]]
    """Name of a reference to its arguments."""
    rounds: int = 3


ROWS: Mapping[str, Row] = {
    **{
        name: Row(
            title=f"{TRUNKS[name][0]}, a batch of {TRUNKS[name][2]}",
            run=encode,
            ours=(name, "ours"),
            beside={
                "PyTorch, unfused": (name, "eager"),
                "ONNX Runtime": (name, "onnxruntime"),
                "OpenVINO": (name, "openvino"),
            },
        )
        for name in TRUNKS
    },
    "edit": Row(
        title="one prompt set edited, as a command",
        run=command,
        ours=("edit",),
        beside={"three prompt sets, cold": ("cold",)},
        rounds=1,
    ),
    "unchanged": Row(
        title="nothing changed, as a command",
        run=command,
        ours=("unchanged",),
        beside={},
        rounds=1,
    ),
    "million": Row(
        title="1,000,000 embeddings, 10 classes: scored with intervals, and written",
        run=million,
        ours=("checked",),
        beside={},
        rounds=1,
    ),
}


def _apart(row: str, given: tuple[str, ...]) -> Measure | None:
    """A measure in a process of its own; None, with the reason told, where it cannot be made."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, __file__, "--measure", row, *given],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"{row} {' '.join(given)}: {done.stderr.strip().splitlines()[-1]}")  # noqa: T201
        return None
    found: Measure = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(name: str) -> dict[str, Any]:
    """A row: medians of what is ours and of each reference, taken in turn."""
    row = ROWS[name]
    taken: dict[str, list[Measure]] = {}
    for _ in range(row.rounds):
        for title, given in {"ours": row.ours, **row.beside}.items():
            if (found := _apart(name, given)) is not None:
                taken.setdefault(title, []).append(found)
    middle = {
        title: {key: median(one[key] for one in several) for key in several[0]}
        for title, several in taken.items()
    }
    return {"title": row.title, **middle}


# ----------------------------------------------------------------------- results


def page(results: list[dict[str, Any]]) -> str:
    """docs/benchmarks.md, of every result that is kept."""
    lines = [
        "# Benchmarks",
        "",
        (
            "Ratios within one run of `tox -e bench` (scripts/bench.py): wall time, and processor"
            " time in brackets, of the reference over ours. Above 1, ours is the faster. Each run"
            " is a file of docs/benchmarks; nothing is asserted."
        ),
    ]
    for result in results:
        versions = ", ".join(f"{name} {one}" for name, one in result["versions"].items())
        lines += ["", f"## {result['machine']}", ""]
        lines += [
            f"{result['date']}, commit {result['commit'][:10]}; {versions}. {result['note']}",
            "",
        ]
        lines += ["| what | ours | beside | ratio |", "|---|---|---|---|"]
        for row in result["rows"].values():
            ours = row.get("ours", {})
            others = {key: one for key, one in row.items() if key not in ("title", "ours")}
            for other, one in others.items() or [("", {})]:
                cells = row["title"], _said(ours), f"{other} {_said(one)}", _ratio(one, ours)
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _said(one: Measure) -> str:
    if not one:
        return ""
    said = f"{one['seconds']:.2f} s"
    said += f", {one['photos'] / one['seconds']:.1f} photos/s" if "photos" in one else ""
    return said + (f", peak {one['gigabytes']:.1f} GB" if "gigabytes" in one else "")


def _ratio(other: Measure, ours: Measure) -> str:
    if not other or not ours:
        return ""
    wall, used = (other[key] / ours[key] for key in ("seconds", "processor"))
    return f"{wall:.2f} ({used:.2f})"


def main() -> None:
    """Measures the rows that are named, or all, and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="default: all")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--note", default="", help="what else the machine did")
    given = parser.parse_args()
    if given.measure:
        name, *arguments = given.measure
        print(json.dumps(ROWS[name].run(*arguments)))  # noqa: T201
        return
    from evaluation.stages import provenance

    machine = provenance.processor()
    file = RESULTS / f"{re.sub(r'[^a-z0-9]+', '-', machine.lower()).strip('-')}.json"
    before = json.loads(file.read_text("utf-8"))["rows"] if file.is_file() else {}
    kept = ("torch", "timm", "open_clip_torch", "numpy")
    result = {
        "schema": 1,
        "machine": machine,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": provenance.commit()[0] or "",
        "note": given.note,
        "versions": {name: one for name, one in provenance.versions().items() if name in kept},
        "rows": before | {name: measured(name) for name in given.rows or ROWS},
    }
    RESULTS.mkdir(exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    files = sorted(RESULTS.glob("*.json"))
    text = page([json.loads(one.read_text("utf-8")) for one in files])
    (ROOT / "docs" / "benchmarks.md").write_text(text, "utf-8")
    print(text)  # noqa: T201


if __name__ == "__main__":
    main()
