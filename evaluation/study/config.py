"""Reading studies: TOML into frozen records, with every mistake reported at once.

A study is a folder: ``study.toml``, ``prompts/<name>.toml`` and whatever they refer to.  What
only the photos can tell (does each class have a text?) is checked where they are read.

A new key is a field of its record, with its bounds in the field's type.  What a type cannot say
is read in ``dataset_spec`` for ``[dataset]`` and ``[split]``, ``model_spec`` for ``[[models]]``,
``prompt_spec`` for a prompt set, ``answer_spec`` for ``[answer]``, here for the others.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.errors import ConfigError, Mistake, meant, one_line
from evaluation.records import Case, ExplainSpec, Study, Threshold
from evaluation.records.lists import OF_CASES
from evaluation.study.answer_spec import read_answer
from evaluation.study.dataset_spec import read_dataset, read_split, refuse_no_training
from evaluation.study.model_spec import read_models, refuse_unknown_prompts
from evaluation.study.prompt_spec import read_prompt_sets
from evaluation.study.toml_file import read_toml
from evaluation.study.toml_table import SLUG, Table, check_schema, refuse_twice

SCHEMA = 1
"""Version of the study files that this program reads."""
SHIPPED = Path(__file__).parent.parent / "studies"
"""The studies that come with the program."""
ENGLISH = "english.toml"
"""Beside study.toml: what its texts are in English, for the report's English pages."""
FRENCH = "french.toml"
"""Beside study.toml: what its class names mean in French, for readers who search in French."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySummary:
    """A study as a list shows it; a broken one has an ``error`` and perhaps no title."""

    name: str
    title: str
    file: Path
    error: str | None = None
    """Every mistake, one a line."""


def load_study(name_or_path: str, *, data_root: Path | None = None) -> Study:
    """Read a study.

    Args:
        name_or_path: A path of a study file or of its folder, or else a name: that of a folder
            of ``./studies``, or of the studies that come with the program.
        data_root: Replaces the root that the study declares.

    Raises:
        ConfigError: With every mistake of the study and of its prompt sets.

    """
    file = _find(name_or_path)
    mistakes: list[Mistake] = []
    try:
        study = _study(file, data_root, mistakes)
    except OSError as error:  # a folder that may not be entered, a name that no file can have
        remedy = "correct the names and paths in it, and the permissions of its folder"
        mistake = Mistake(file=str(file), key="", problem=one_line(error), remedy=remedy)
        raise ConfigError([mistake]) from error
    if mistakes or study is None:
        raise ConfigError(mistakes)
    return study


def list_studies() -> tuple[StudySummary, ...]:
    """Every study that a name finds, in alphabetical order, the broken ones with their error."""
    return tuple(_summary(name, file) for name, file in sorted(_known().items()))


# ---------------------------------------------------------------------- finding


def _known() -> dict[str, Path]:
    """Names and files; a study of the working directory hides a shipped one of its name."""
    return {
        file.parent.name: file
        for folder in (SHIPPED, Path.cwd() / "studies")
        for file in sorted(folder.glob("*/study.toml"))
    }


def _find(name_or_path: str) -> Path:
    path = Path(name_or_path).expanduser()
    for file in (path, path / "study.toml"):
        with contextlib.suppress(OSError, ValueError):  # no name that a file could have
            if file.is_file():
                return file.resolve()
    known = _known()
    if name_or_path in known:
        return known[name_or_path]
    mistake = Mistake(
        file=name_or_path,
        key="",
        problem="unknown study: neither a study file or folder nor a name",
        remedy=meant(name_or_path, known),
    )
    raise ConfigError([mistake])


def _summary(name: str, file: Path) -> StudySummary:
    mistakes: list[Mistake] = []
    study = _study(file, None, mistakes)
    if study is not None and not mistakes:
        return StudySummary(name=name, title=study.title, file=file)
    raw = read_toml(file, [])
    title = raw.get("title") if raw else None
    return StudySummary(
        name=name,
        title=title if isinstance(title, str) else "",
        file=file,
        error=str(ConfigError(mistakes)),
    )


# ------------------------------------------------------------------------ study


def _study(file: Path, data_root: Path | None, mistakes: list[Mistake]) -> Study | None:
    raw = read_toml(file, mistakes)
    if raw is None:
        return None
    table = Table(raw, file, mistakes)
    check_schema(table, SCHEMA)
    name = _study_name(table)
    dataset = read_dataset(table.table("dataset"), data_root)
    split_table = table.table("split")
    split = read_split(split_table)
    models = read_models(table)
    refuse_no_training(split_table, split, models)
    prompts = read_prompt_sets(table, models)
    reference = _reference(table)
    refuse_unknown_prompts(table, models, [prompt_set.name for prompt_set in prompts])
    cases = [
        Case(study=name, model=model, prompts=prompt_set).name
        for model in models
        for prompt_set in model.prompts_of(prompts)
    ]
    return table.record(
        Study,
        name=name,
        file=file,
        dataset=dataset,
        split=split,
        models=models,
        prompts=prompts,
        thresholds=_thresholds(table, cases),
        reference=reference,
        explain=table.table("explain").record(ExplainSpec) if table.has("explain") else None,
        answer=read_answer(table, [model.name for model in models], cases, reference),
        translations=_translations(file.with_name(ENGLISH), mistakes),
        glosses=_translations(file.with_name(FRENCH), mistakes),
    )


def _translations(file: Path, mistakes: list[Mistake]) -> Mapping[str, str]:
    """A text to the same in the file's language, when there is such a file beside the study."""
    if not file.is_file():
        return {}
    return Table(read_toml(file, mistakes) or {}, file, mistakes).every_text()


def _study_name(table: Table) -> str:
    folder = table.file.parent.name
    name = table.slug("name") if table.has("name") else folder
    if name != folder:
        table.wrong("name", f"{name!r} is not the folder's name, {folder!r}", "rename either")
    elif not SLUG.fullmatch(folder):
        table.wrong("", f"the folder's name {folder!r} is no name", "use a-z, 0-9 and hyphens")
    return name


def _reference(table: Table) -> Path | None:
    name = table.text("reference")
    if not name:
        return None
    file = (table.file.parent / name).resolve()
    if not file.is_file():
        table.wrong("reference", f"no file {name!r}", "correct the name or delete the line")
    return file


def _thresholds(study: Table, cases: Sequence[str]) -> tuple[Threshold, ...]:
    tables = study.tables("thresholds")
    thresholds = tuple(_threshold(table, cases) for table in tables)
    refuse_twice(
        tables,
        "case",
        [" ".join((t.case, t.metric, f"over {t.over} since {t.since}")) for t in thresholds],
    )
    return thresholds


def _threshold(table: Table, cases: Sequence[str]) -> Threshold:
    case, over = table.required_text("case"), None
    if since := table.optional_text("no_worse_than"):  # on the same photos, less a margin
        minimum = -(table.within("margin", 0, 1) or 0.0)
        floor = Threshold(case=case, metric="accuracy", minimum=minimum, since=since)
    else:
        over = table.optional_text("over")
        table.required("metric", 'metric = "accuracy"')
        metric = table.choice("metric", tuple(row.name for row in OF_CASES)) or ""
        table.required("minimum", "minimum = 0.6")
        minimum = table.within("minimum", -1 if over else 0, 1) or 0.0
        floor = Threshold(case=case, metric=metric, minimum=minimum, over=over)
    table.finish()
    for key, name in (("case", case), ("over", over)):
        if name:
            table.are_known(key, [name], cases, "is no case of this study")
    if over and over == case:
        table.wrong("over", "is the case itself", "name another case or delete the line")
    return floor
