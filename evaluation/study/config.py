"""Reading studies: TOML into frozen records, with every mistake reported at once.

A study is a folder: ``study.toml``, ``prompts/<name>.toml`` and whatever they refer to.  What
only the photos can tell (does each class have a text?) is checked where they are read.

A new key is a field of its record, with its bounds in the field's type.  What a type cannot say
is read in ``dataset_spec`` for ``[dataset]`` and ``[split]``, ``model_spec`` for ``[[models]]``,
``prompt_spec`` for a prompt set, here for the others.
"""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation.errors import ConfigError, Mistake, meant, one_line
from evaluation.records import AnswerSpec, Case, ExplainSpec, Study, Threshold
from evaluation.records.base import Record
from evaluation.records.lists import OF_CASES
from evaluation.study.dataset_spec import read_dataset, read_split, refuse_no_training
from evaluation.study.model_spec import read_models, refuse_unknown_prompts
from evaluation.study.prompt_spec import read_prompt_sets
from evaluation.study.toml_table import SLUG, Table, check_schema, read_toml, refuse_twice

SCHEMA = 1
"""Version of the study files that this program reads."""
SHIPPED = Path(__file__).parent.parent / "studies"
"""The studies that come with the program."""


class StudySummary(Record):
    """A study as a list shows it; a broken one has an ``error`` and perhaps no title."""

    name: str
    title: str
    file: Path
    error: str | None = None
    """Every mistake, one a line."""


def load_study(name_or_path: str, *, data_root: Path | None = None) -> Study:
    """Read a study.

    It is given by the path of its file or folder, or else by a name: that of a folder of
    ``./studies``, or of the studies that come with the program.  ``data_root`` replaces the root
    that the study declares.

    Raises :class:`ConfigError`: with every mistake of the study and of its prompt sets.
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
    summaries = []
    for name, file in sorted(_known().items()):
        mistakes: list[Mistake] = []
        _study(file, None, mistakes)
        title = (read_toml(file, []) or {}).get("title")
        summary = StudySummary(
            name=name,
            title=title if isinstance(title, str) else "",
            file=file,
            error=str(ConfigError(mistakes)) if mistakes else None,
        )
        summaries.append(summary)
    return tuple(summaries)


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
    problem = "unknown study: neither a study file or folder nor a name"
    remedy = meant(name_or_path, known)
    raise ConfigError([Mistake(file=name_or_path, key="", problem=problem, remedy=remedy)])


def _study(file: Path, data_root: Path | None, mistakes: list[Mistake]) -> Study | None:
    raw = read_toml(file, mistakes)
    if raw is None:
        return None
    table = Table(raw, file, mistakes)
    check_schema(table, SCHEMA)
    folder = file.parent.name
    name = table.slug("name") if "name" in raw else folder
    if name != folder:
        table.wrong("name", f"{name!r} is not the folder's name, {folder!r}", "rename either")
    elif not SLUG.fullmatch(folder):
        table.wrong("", f"the folder's name {folder!r} is no name", "use a-z, 0-9 and hyphens")
    dataset = read_dataset(table.table("dataset"), data_root)
    split_table = table.table("split")
    split = read_split(split_table)
    models = read_models(table)
    refuse_no_training(split_table, split, models)
    prompts = read_prompt_sets(table, models)
    quoted = table.text("reference")
    reference = (file.parent / quoted).resolve() if quoted else None
    if reference is not None and not reference.is_file():
        table.wrong("reference", f"no file {quoted!r}", "correct the name or delete the line")
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
        explain=table.table("explain").record(ExplainSpec) if "explain" in raw else None,
        answer=_answer(table, [*(model.name for model in models), *cases], reference),
        translations=_translations(file.with_name("english.toml"), mistakes),
        glosses=_translations(file.with_name("french.toml"), mistakes),
    )


def _translations(file: Path, mistakes: list[Mistake]) -> Mapping[str, str]:
    """A text to the same in the file's language, when there is such a file beside the study."""
    raw = read_toml(file, mistakes) if file.is_file() else None
    return Table(raw or {}, file, mistakes).every_text()


def _thresholds(study: Table, cases: Sequence[str]) -> tuple[Threshold, ...]:
    tables, floors = study.tables("thresholds"), []
    for table in tables:
        case, over = table.required_text("case"), None
        if since := table.text("no_worse_than"):  # on the same photos, less a margin
            minimum = -(table.within("margin", 0, 1) or 0.0)
            floor = Threshold(case=case, metric="accuracy", minimum=minimum, since=since)
        else:
            over = table.text("over") or None
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
        floors.append(floor)
    names = [f"{own.case} {own.metric} over {own.over} since {own.since}" for own in floors]
    refuse_twice(tables, "case", names)
    return tuple(floors)


def _answer(study: Table, names: Sequence[str], reference: Path | None) -> AnswerSpec:
    """``[answer]``: which of the models and cases answer the study's question, and what they are
    held against: also systems that the file ``reference`` quotes.
    """

    def known(table: Table, key: str) -> tuple[str, ...]:
        chosen = table.texts(key, single=True)
        table.are_known(key, chosen, names, "is no model nor case")
        return chosen

    table = study.table("answer")
    percent = table.within("margin", 0, 100, open_low=True)
    candidates, rivals = known(table, "candidates"), known(table, "rivals")
    beside = table.table("beside")
    quoted = (read_toml(reference, []) if reference else None) or {}
    systems = [
        str(system["name"])
        for system in quoted.get("systems", ())
        if isinstance(system, dict) and "name" in system
    ]
    for system in beside.raw:
        if system not in systems:
            beside.wrong(system, "is no quoted system", meant(system, systems))
    spec = table.record(
        AnswerSpec,
        candidates=candidates,
        rivals=rivals,
        beside={system: known(beside, system) for system in beside.raw},
        margin=AnswerSpec().margin if percent is None else percent / 100,
    )
    for name in set(candidates) & set(rivals):
        table.wrong("rivals", f"{name!r} is a candidate too", "delete it from one of the two")
    return spec
