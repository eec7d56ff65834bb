"""``veille embed`` and ``cache``: what is computed ahead of time, and what is kept."""

import click

from evaluation.commands.options import on_study, opened, say
from evaluation.records import FOLDS, Study
from evaluation.stages.settings import Settings, default_cache
from evaluation.stores.cache import PARTS, parts, prune
from evaluation.terminal import megabytes


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
    from evaluation.stages.bench import bench_of
    from evaluation.stages.distribute import embed_on_cluster

    with opened(study, settings) as (data, runner):
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


@click.command(short_help="Say what the cache holds, and prune it.")
@click.option(
    "--prune", "pruned", type=click.Choice([*PARTS, "all"]), multiple=True, help="Remove a part."
)
def cache(pruned: tuple[str, ...]) -> None:
    """Say what the cache holds: $VEILLE_CACHE, or a folder of the user's own.

    Photos are embedded once for each model, texts and maps are made once: all of it can be made
    again, and --prune removes what it names (--prune maps --prune photos, or --prune all).
    Results are no part of it.
    """
    folder = default_cache()
    for name in PARTS if "all" in pruned else pruned:
        prune(folder, name)
    say(f"cache       {folder}")
    kept = parts(folder)
    for part in kept:
        files = "1 file" if part.files == 1 else f"{part.files} files"
        say(f"{part.name:<11} {megabytes(part.size):>8}  {files:<12} without: {part.remade}")
    say(f"{'in all':<11} {megabytes(sum(part.size for part in kept)):>8}")
