"""What a run writes, without the models: each line that it prints says what now must last."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from evaluation.data.fetching import fetch_dataset
from evaluation.data.photos import write_thumbnail
from evaluation.records import DatasetSpec, Sample
from evaluation.stores import artefacts
from evaluation.stores.embeddings import EmbeddingStore
from evaluation.stores.maps import MapCache
from tests.factories import make_explanation, make_predictions, make_run, make_study

SPEC = DatasetSpec(kind="table", csv="t.csv", label_column="label")


def work(root: Path, url: str, generation: int) -> None:
    """One run: photos, embeddings, maps, small copies, records."""
    fetch_dataset(replace(SPEC, archive=url), name="s", root=root / "data", pauses=(0,))
    say("data")
    with EmbeddingStore(root / "cache" / "embeddings.sqlite") as store:
        for batch in range(6):
            number = generation * 6 + batch
            rows = {f"d{number}-{i}": np.full(64, number, np.float32) for i in range(8)}
            store.put("m", rows)
            say(f"batch {number}")
    with MapCache(root / "cache" / "maps.sqlite") as cache:
        cache.put_arrays(f"k{generation}", {"a": np.full(500, generation)})
        say(f"map {generation}")
    photos = root / "artefacts" / "s" / "photos"
    for i in range(4):
        path = root / "data" / f"p{i}.png"
        digest = f"{generation:08x}{i:08x}"
        write_thumbnail(
            Sample(id=str(i), image=path, label="z", digest=digest, pixels="", width=1, height=1),
            photos,
        )
    artefacts.write(root / "artefacts", make_study(cases=("s/m/p",)))
    run = make_run(seed=generation)
    artefacts.write_run(root / "artefacts", run, make_predictions())
    say(f"run {generation}")
    overlays = {f"attention/{name}.webp": _picture() for name in "ab"}
    artefacts.write(root / "artefacts", make_explanation(), overlays)
    say(f"maps {generation}")


def say(text: str) -> None:
    """Tells, at once, that something is done."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _picture() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (3, 4)).save(content, "WEBP")
    return content.getvalue()


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
