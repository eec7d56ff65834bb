"""Reading studies: TOML into frozen records, with every mistake reported at once.

A study is a folder: ``study.toml``, ``prompts/<name>.toml`` and whatever they refer to.  What
only the photos can tell (does each class have a text?) is checked where they are read.

A new key is a field of its record and one line of the function that reads its table:
``dataset_spec`` for ``[dataset]`` and ``[split]``, ``model_spec`` for ``[[models]]``,
``prompt_spec`` for a prompt set, here for the others.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import cast

from evaluation.errors import ConfigError, Mistake, meant, one_line
from evaluation.records import (
    EXPLAIN_METHODS,
    Case,
    ExplainMethod,
    ExplainSpec,
    ModelSpec,
    PromptSet,
    Study,
    Threshold,
)
from evaluation.records.metrics import OF_CASES
from evaluation.study.answer_spec import read_answer
from evaluation.study.dataset_spec import read_dataset, read_split, refuse_no_training
from evaluation.study.model_spec import read_models, refuse_unknown_prompts
from evaluation.study.prompt_spec import read_prompt_sets
from evaluation.study.toml_table import SLUG, Table, read_toml, refuse_twice

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
    _check_schema(table)
    name = _study_name(table)
    title = table.required_text("title")
    question = table.required_text("question")
    dataset = read_dataset(table.table("dataset"), data_root)
    split_table = table.table("split")
    split = read_split(split_table)
    models = read_models(table)
    refuse_no_training(split_table, split, models)
    prompts = read_prompt_sets(table, models)
    reference = _reference(table)
    translations = _translations(file.with_name(ENGLISH), mistakes)
    glosses = _translations(file.with_name(FRENCH), mistakes)
    refuse_unknown_prompts(table, models, [prompt_set.name for prompt_set in prompts])
    cases = _case_names(name, models, prompts)
    thresholds = _thresholds(table, cases)
    answer = read_answer(table, [model.name for model in models], cases, reference)
    explain = _explain(table.table("explain")) if table.has("explain") else None
    table.finish()
    return Study(
        name=name,
        title=title,
        question=question,
        file=file,
        dataset=dataset,
        split=split,
        models=models,
        prompts=prompts,
        thresholds=thresholds,
        reference=reference,
        explain=explain,
        answer=answer,
        translations=translations,
        glosses=glosses,
    )


def _translations(file: Path, mistakes: list[Mistake]) -> Mapping[str, str]:
    """A text to the same in the file's language, when there is such a file beside the study."""
    if not file.is_file():
        return {}
    table = Table(read_toml(file, mistakes) or {}, file, mistakes)
    found = {text: table.required_text(text) for text in table.raw}
    table.finish()
    return found


def _check_schema(table: Table) -> None:
    table.required("schema", f"schema = {SCHEMA}")
    schema = table.integer("schema", 1)
    if schema not in (None, SCHEMA):
        table.wrong(
            "schema",
            f"version {schema} is unknown",
            f"write schema = {SCHEMA}, or use a newer veille-clip",
        )


def _study_name(table: Table) -> str:
    folder = table.file.parent.name
    name = table.slug("name") if table.has("name") else folder
    if name != folder:
        table.wrong("name", f"{name!r} is not the folder's name, {folder!r}", "rename either")
    elif not SLUG.fullmatch(folder):
        table.wrong("", f"the folder's name {folder!r} is no name", "use a-z, 0-9 and hyphens")
    return name


_EXPLAIN_MINIMA = {"cap": 1, "masks": 2, "curve_steps": 2}
"""The smallest values of numbers of the [explain] table; 0 of the others."""


def _explain(table: Table) -> ExplainSpec:
    methods = table.texts("methods")
    for method in methods:
        if method not in EXPLAIN_METHODS:
            table.wrong("methods", f"{method!r} is unknown", meant(method, EXPLAIN_METHODS))
    keys = [field.name for field in fields(ExplainSpec) if field.name != "methods"]
    numbers = {key: table.integer(key, _EXPLAIN_MINIMA.get(key, 0)) for key in keys}
    table.finish()
    return ExplainSpec(
        methods=cast("tuple[ExplainMethod, ...]", methods),
        **{key: value for key, value in numbers.items() if value is not None},
    )


def _reference(table: Table) -> Path | None:
    name = table.text("reference")
    if not name:
        return None
    file = (table.file.parent / name).resolve()
    if not file.is_file():
        table.wrong("reference", f"no file {name!r}", "correct the name or delete the line")
    return file


def _case_names(study: str, models: Sequence[ModelSpec], prompts: Sequence[PromptSet]) -> list[str]:
    return [
        Case(study=study, model=model, prompts=prompt_set).name
        for model in models
        for prompt_set in model.prompts_of(prompts)
    ]


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
    case = table.required_text("case")
    if since := table.optional_text("no_worse_than"):
        return _no_worse(table, case, since, cases)
    over = table.optional_text("over")
    table.required("metric", 'metric = "accuracy"')
    metric = table.choice("metric", tuple(row.name for row in OF_CASES)) or ""
    table.required("minimum", "minimum = 0.6")
    minimum = table.number("minimum")
    table.finish()
    for key, value in (("case", case), ("over", over)):
        _is_a_case(table, key, value, cases)
    if over and over == case:
        table.wrong("over", "is the case itself", "name another case or delete the line")
    if minimum is not None and not (-1 if over else 0) <= minimum <= 1:
        table.wrong("minimum", f"{minimum:g} is out of range", "metrics lie between 0 and 1")
    return Threshold(case=case, metric=metric, minimum=minimum or 0.0, over=over)


def _no_worse(table: Table, case: str, since: str, cases: Sequence[str]) -> Threshold:
    """Accuracy on the same photos, not lower than it was by more than a margin."""
    margin = table.number("margin") or 0.0
    table.finish()
    _is_a_case(table, "case", case, cases)
    if not 0 <= margin <= 1:
        table.wrong("margin", f"{margin:g} is out of range", "write 0.02 for two points")
    return Threshold(case=case, metric="accuracy", minimum=-margin, since=since)


def _is_a_case(table: Table, key: str, value: str | None, cases: Sequence[str]) -> None:
    if value and value not in cases:
        table.wrong(key, f"{value!r} is no case of this study", meant(value, cases))
