"""``veille embed``: photos embedded ahead of time, here or on a cluster."""

import click

from evaluation.commands.options import on_study, say, watched
from evaluation.records import Study
from evaluation.stages.settings import Settings


@click.command(short_help="Embed a study's photos ahead of time, here or on a cluster.")
@click.argument("study")
@click.option("--model", "names", multiple=True, help="Only this model of the study.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    help="One process of this machine, or Ray Data (the extra `scale`).",
)
@click.option("--address", help="Of a Ray cluster (default: one of this machine's cores).")
@click.option("--workers", type=click.IntRange(min=1), help="Of Ray: models at work, at most.")
@on_study
def embed(
    study: Study,
    *,
    names: tuple[str, ...],
    engine: str,
    address: str | None,
    workers: int | None,
    settings: Settings,
) -> None:
    """Embed every photo of STUDY with every model that embeds; `veille eval` then finds them.

    What the store has is not embedded again.  With --engine ray, machines share the photos and
    $VEILLE_CACHE: docs/scale.md says how.
    """
    from evaluation.records import FOLDS
    from evaluation.stages.bench import bench_of
    from evaluation.stages.distribute import embed_on_cluster
    from evaluation.stages.engine import Engine
    from evaluation.stages.open import read_data

    with watched(settings) as shown:
        data, runner = read_data(study, shown), Engine(shown)
        for spec in study.models:
            if not spec.embeds or (names and spec.name not in names):
                continue
            if engine == "ray":
                photos, missing = embed_on_cluster(
                    spec, data, runner, address=address, workers=workers
                )
            else:
                _, run = bench_of(data, spec, runner, FOLDS)
                photos, missing = run.embedded + run.reused, run.embedded
            say(f"{spec.name}: {photos} photos, {missing} embedded now")
