"""How fast it is, as ratios within one run: `tox -e bench`, or this script with names of rows.

Each measure runs in a process of its own, in turn with the one that it is set beside, several
times; medians are kept.  Processor seconds are kept too, which other programs on the machine
disturb less.  Results are written to docs/benchmarks/MACHINE.json and gathered in
docs/benchmarks.md; nothing is asserted.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tarfile
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
TRUNKS = {
    "lite2": ("tf_efficientnet_lite2", 260, 32),
    "densenet201": ("densenet201", 224, 16),
    "vit": ("vit_base_patch32_224", 224, 32),
}
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
    if how == "gemm":
        return _products(trunk, pixels)
    if how in ("onnxruntime", "openvino"):
        return _elsewhere(trunk, pixels, how)
    if how != "eager":
        keep_freed_memory()
    with torch.inference_mode():
        quick = fused(trunk, tuple(pixels.shape[2:])) if how == "ours" else None
        runs = quick or trunk  # a ViT has nothing to fuse
        return _timed(lambda: runs(pixels)) | {"photos": len(pixels)}


def _products(trunk: Any, pixels: Any) -> Measure:
    """As many operations as the trunk makes, as products of large matrices: what could be had."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    left, right = torch.randn(2048, 2048), torch.randn(2048, 2048)
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            trunk(pixels)
        one = _timed(lambda: left @ right, rounds=9)
    times = counter.get_total_flops() / (2 * 2048**3)
    return {key: times * value for key, value in one.items()} | {"photos": len(pixels)}


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

SETS = ("noms", "descriptions", "gabarits", "sous-categories", "mots-au-hasard")
"""Of the Flipkart study; the demo, where its photos are absent, has the first three."""


def _study() -> tuple[str, list[str]]:
    """Flipkart where its photos are, else the demo; and how `veille` is told of them."""
    photos = Path(os.environ.get("VEILLE_FLIPKART", ROOT.parent / "shared" / "flipkart"))
    return ("flipkart", ["--data-root", str(photos)]) if photos.is_dir() else ("demo", [])


def _copied(folder: str, *, whole: bool) -> tuple[Path, list[str]]:
    """A copy of the study to edit, and how `veille` is told of its photos.

    Zero-shot needs no training photos: ``whole`` has 99 of 100 in validation or in test.
    """
    from evaluation.study.config import SHIPPED

    name, photos = _study()
    study = Path(folder) / name / "study.toml"
    shutil.copytree(SHIPPED / name, study.parent)
    if whole:
        declared = re.sub(
            r"(?m)^(test|validation)_(per_class|share) = .*\n", "", study.read_text("utf-8")
        )
        shares = "[split]\ntest_share = 0.79\nvalidation_share = 0.2\n"
        study.write_text(declared.replace("[split]\n", shares), "utf-8")
    return study, photos


def command(what: str) -> Measure:
    """`veille eval` without maps on an empty cache, then with a text edited, or unchanged."""
    with tempfile.TemporaryDirectory() as folder:
        study, photos = _copied(folder, whole=what == "edit")
        cache = {"VEILLE_CACHE": str(Path(folder) / "cache")}
        given = ["veille", "eval", str(study), *photos, "--no-maps", "--offline"]
        given += ["-q", "--artefacts", str(Path(folder) / "artefacts"), "-k"]
        if what == "edit":
            _spent([*given, "embedded/descriptions"], cache)
            _edit(study)
            return _spent([*given, "embedded/descriptions"], cache)
        matrix = " or ".join(f"embedded/{prompts}" for prompts in SETS)
        cold = _spent([*given, matrix], cache)
        return cold if what == "cold" else _spent([*given, matrix], cache)


def _edit(study: Path) -> None:
    """Other words in four texts of a study."""
    texts = study.parent / "prompts" / "descriptions.toml"
    before = texts.read_text(encoding="utf-8")
    texts.write_text(re.sub(r'(= \[?"[^"]+)"', r'\1, edited"', before, count=4), "utf-8")


def watched() -> Measure:
    """From the save of a text to new figures, the model being loaded."""
    from evaluation.stages import watch
    from evaluation.stages.engine import Engine
    from evaluation.stages.settings import Settings
    from evaluation.study.config import load_study

    with tempfile.TemporaryDirectory() as folder:
        study, photos = _copied(folder, whole=True)
        root = Path(photos[1]) if photos else None
        engine = Engine(Settings(offline=True))
        state = watch.start(load_study(str(study), data_root=root), engine, "embedded", root)
        watch.rescore(state, time.time())
        _edit(study)
        processor, before = time.process_time(), time.time()
        seconds = watch.rescore(state, before).seconds
        return {"seconds": seconds, "processor": time.process_time() - processor}


def workers(what: str, count: str) -> Measure:
    """A study on an empty cache by one process or by several of pytest-xdist.

    The "demo" with its maps, whose models share a trunk, or all "models" of the other study.
    """
    name, photos = ("demo", []) if what == "demo" else _study()
    with tempfile.TemporaryDirectory() as folder:
        given = ["pytest", "--pyargs", "evaluation.suites", "--study", name, *photos, "--offline"]
        given += ["-q", "-p", "no:cacheprovider", "--artefacts", str(Path(folder) / "artefacts")]
        given += ["-n", count] if count != "1" else []
        given += ["--no-maps"] if what == "models" else []
        return _spent(given, {"VEILLE_CACHE": str(Path(folder) / "cache")})


def clip_benchmark(sets: str, *options: str) -> Measure:
    """CLIP_benchmark on the photos that ours reads: a run for each prompt set."""
    from evaluation.data.prompts import resolve_prompts
    from evaluation.models.embedded import assemble
    from evaluation.stages.open import read_data
    from evaluation.stages.settings import Settings
    from evaluation.study.config import load_study

    settings = Settings(offline=True)
    model = f"local-dir:{assemble(settings.cache)}"
    with tempfile.TemporaryDirectory() as folder:
        declaration, photos = _copied(folder, whole=sets == "1")
        study = load_study(str(declaration), data_root=Path(photos[1]) if photos else None)
        data = read_data(study, Settings())
        samples = data.samples(data.split.validation + data.split.test)
        part = Path(folder) / "test"
        part.mkdir()
        (part / "nshards.txt").write_text(str(SHARDS), "utf-8")
        for shard in range(SHARDS):
            with tarfile.open(part / f"{shard}.tar", "w") as file:
                for number, sample in list(enumerate(samples))[shard::SHARDS]:
                    file.add(sample.image, f"{number:06d}.jpg")
                    label = str(data.dataset.classes.index(sample.label)).encode()
                    entry = tarfile.TarInfo(f"{number:06d}.cls")
                    entry.size = len(label)
                    file.addfile(entry, io.BytesIO(label))
        spent: list[Measure] = []
        for declared in data.study.prompts[: int(sets)]:
            prompts = resolve_prompts(declared, data.dataset, data.split, study.prompts)
            texts = [prompts.sentences(label)[0] for label in data.dataset.classes]
            (Path(folder) / "classnames.txt").write_text("\n".join(texts), "utf-8")
            templates = Path(folder) / "zeroshot_classification_templates.txt"
            templates.write_text("{c}", "utf-8")
            given = ["clip_benchmark", "eval", "--dataset", "wds/photos", "--dataset_root", folder]
            given += ["--task", "zeroshot_classification", "--model", model, "--pretrained", ""]
            given += ["--output", str(Path(folder) / "said.json"), *options]
            spent.append(_spent(given, {"HF_HUB_OFFLINE": "1"}, CLIP_BENCHMARK))
    return {key: sum(one[key] for one in spent) for key in spent[0]}


CLIP_BENCHMARK = ROOT / ".tox" / "clip-benchmark" / "bin"
"""`tox -e clip-benchmark` makes it: it needs an older NumPy."""
SHARDS = 4
"""Of the archive that it reads: one for each of its processes that decode, four by default."""


def _spent(
    given: list[str], variables: Mapping[str, str], programs: Path = Path(sys.executable).parent
) -> Measure:
    """Seconds of a command: of the wall, and of the processor in all its processes."""
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(  # noqa: S603
        [str(programs / given[0]), *given[1:]],
        env=os.environ | variables,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{given[0]}: {(done.stderr.strip() or done.stdout.strip())[-300:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": time.perf_counter() - clock, "processor": used}


# ------------------------------------------------------------------------- scale


def million() -> Measure:
    """10**6 embeddings of 384 numbers through a head of ten classes: scored, intervals, written."""
    import numpy as np

    from evaluation.records import Head, Predictions
    from evaluation.scoring import score, softmax
    from evaluation.stores.prediction_tables import read_predictions, write_table

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
        measure = {
            "seconds": time.perf_counter() - clock,
            "processor": time.process_time() - processor,
        }
        same = read_predictions(path).probabilities
        if not np.array_equal(same, table.probabilities):
            raise SystemExit("what was written is not what was scored")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return measure | {"gigabytes": peak, "accuracy": scores.metrics[0].value or 0.0}


# -------------------------------------------------------------------------- rows


Work = tuple[Callable[..., Measure], *tuple[str, ...]]
"""What is measured, and its arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table: what is measured, and what it is set beside in the same run."""

    title: str
    ours: Work
    beside: Mapping[str, Work]
    """Name of a reference to what it does."""
    rounds: int = 1

    def work(self, whose: str) -> Work:
        """What is ours, or a reference's."""
        return self.ours if whose == "ours" else self.beside[whose]


def _theirs(sets: int) -> Mapping[str, Work]:
    """CLIP_benchmark, in the precision of ours."""
    return {"CLIP_benchmark --no_amp": (clip_benchmark, str(sets), "--no_amp")}


ROWS: Mapping[str, Row] = {
    **{
        name: Row(
            title=f"{architecture}, a batch of {batch}",
            ours=(encode, name, "ours"),
            beside={
                "products of large matrices, as many operations": (encode, name, "gemm"),
                "PyTorch, unfused": (encode, name, "eager"),
                "ONNX Runtime": (encode, name, "onnxruntime"),
                "OpenVINO": (encode, name, "openvino"),
            },
            rounds=3,
        )
        for name, (architecture, _, batch) in TRUNKS.items()
    },
    "matrix": Row(
        title="a model and its prompt sets, nothing kept, as a command",
        ours=(command, "cold"),
        beside=_theirs(len(SETS)),
    ),
    "edit": Row(
        title="one prompt set edited, 99 % of all photos read, as a command",
        ours=(command, "edit"),
        beside=_theirs(1),
    ),
    "watch": Row(
        title="one prompt set edited, 99 % of all photos read, in watch",
        ours=(watched,),
        beside=_theirs(1),
    ),
    "unchanged": Row(
        title="nothing changed, as a command",
        ours=(command, "unchanged"),
        beside=_theirs(len(SETS)),
    ),
    "workers": Row(
        title="the demo with maps, nothing kept, two processes",
        ours=(workers, "demo", "2"),
        beside={"one process": (workers, "demo", "1")},
    ),
    "trunks": Row(
        title="all models of a study, no maps, nothing kept, two processes",
        ours=(workers, "models", "2"),
        beside={"one process": (workers, "models", "1")},
    ),
    "million": Row(
        title="1,000,000 embeddings, 10 classes: scored with intervals, and written",
        ours=(million,),
        beside={},
    ),
}


def _apart(row: str, whose: str) -> Measure | None:
    """A measure in a process of its own; None, with the reason told, where it cannot be made."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, __file__, "--measure", row, whose],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"{row}, {whose}: {done.stderr.strip().splitlines()[-1]}")  # noqa: T201
        return None
    measure: Measure = json.loads(done.stdout.splitlines()[-1])
    return measure


def measured(name: str, known: dict[Work, Measure | None]) -> dict[str, Any]:
    """A row: medians of what is ours and of each reference, taken in turn.

    ``known`` is what this run has measured: what takes minutes is measured once for all rows.
    """
    row = ROWS[name]
    taken: dict[str, list[Measure]] = {}
    for _ in range(row.rounds):
        for whose in ("ours", *row.beside):
            work = row.work(whose)
            if row.rounds > 1 or work not in known:
                known[work] = _apart(name, whose)
            if (measure := known[work]) is not None:
                taken.setdefault(whose, []).append(measure)
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
            others = {k: v for k, v in row.items() if k not in ("title", "ours", "commit")}
            elsewhere = row.get("commit", result["commit"]) != result["commit"]
            title = row["title"] + (f" (at {row['commit'][:10]})" if elsewhere else "")
            for other, one in others.items() or [("", {})]:
                cells = title, _said(ours), f"{other} {_said(one)}", _ratio(one, ours)
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
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--note", default="", help="what else the machine did")
    given = parser.parse_args()
    if given.measure:
        name, whose = given.measure
        measure, *arguments = ROWS[name].work(whose)
        print(json.dumps(measure(*arguments)))  # noqa: T201
        return
    from evaluation.stages import provenance

    machine = provenance.processor()
    file = RESULTS / f"{re.sub(r'[^a-z0-9]+', '-', machine.lower()).strip('-')}.json"
    earlier = json.loads(file.read_text("utf-8")) if file.is_file() else {"rows": {}}
    # A row that is not measured now stays one of the commit where it was.
    before = {k: {"commit": earlier["commit"], **row} for k, row in earlier["rows"].items()}
    known: dict[Work, Measure | None] = {}
    kept = ("torch", "timm", "open_clip_torch", "numpy")
    result = {
        "schema": 1,
        "machine": machine,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": provenance.commit()[0] or "",
        "note": given.note,
        "versions": {name: one for name, one in provenance.versions().items() if name in kept},
        "rows": before | {name: measured(name, known) for name in given.rows or ROWS},
    }
    RESULTS.mkdir(exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    files = sorted(RESULTS.glob("*.json"))
    text = page([json.loads(one.read_text("utf-8")) for one in files])
    (ROOT / "docs" / "benchmarks.md").write_text(text, "utf-8")
    print(text)  # noqa: T201


if __name__ == "__main__":
    main()
