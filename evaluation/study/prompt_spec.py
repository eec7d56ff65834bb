"""The prompt sets of a study: ``prompts/<name>.toml``, one file each."""

import unicodedata
from collections.abc import Sequence
from typing import get_args

from evaluation.errors import meant
from evaluation.records import ModelSpec, PromptSet
from evaluation.records.study import Derive
from evaluation.study.toml_table import SLUG, Table, read_toml


def read_prompt_sets(study: Table, models: Sequence[ModelSpec]) -> tuple[PromptSet, ...]:
    """The prompt sets that a study names, in its order; those that cannot be read are noted.

    A file of comments alone, as ``veille new`` writes one, is not begun and is left out.
    """
    names, read = study.texts("prompts"), any(model.reads_texts for model in models)
    if not names and read:
        study.wrong("prompts", "a clip model needs a prompt set", 'write prompts = ["noms"]')
    folder = study.file.parent / "prompts"
    present = sorted(file.stem for file in folder.glob("*.toml"))
    prompts = []
    for name in names:
        file = folder / f"{name}.toml"
        if not SLUG.fullmatch(name):
            study.wrong("prompts", f"{name!r} is no name", "use a-z, 0-9 and single hyphens")
        elif not file.is_file():
            hint = meant(name, present) if present else "no file there"
            study.wrong("prompts", f"{name!r}: no file prompts/{name}.toml", f"add it; {hint}")
        elif raw := read_toml(file, study.mistakes):
            prompts.append(_prompt_set(name, Table(raw, file, study.mistakes)))
    known = [prompt_set.name for prompt_set in prompts if prompt_set.derive != "random-words"]
    for prompt_set in prompts:
        if prompt_set.like is not None and prompt_set.like not in known:
            study.wrong(
                "prompts",
                f"{prompt_set.name!r} is like {prompt_set.like!r}, which this study does not use",
                f"add it to prompts, or choose among {', '.join(known) or 'none'}",
            )
    if names and not prompts and not study.mistakes and read:
        study.wrong("prompts", "no file of them holds a text yet", "write in one of them")
    return tuple(prompts)


def _prompt_set(name: str, table: Table) -> PromptSet:
    if "name" in table.raw and (spelt := table.slug("name")) != name:
        table.wrong("name", f"{spelt!r} is not the file's name, {name!r}", "rename either")
    classes = table.table("texts")
    # Photos' folders may spell é with one character or with two: labels are in NFC.
    texts = {
        unicodedata.normalize("NFC", label): classes.texts(label, single=True)
        for label in classes.raw
    }
    for label, sentences in texts.items():
        if f"{label}: to be described" in sentences:
            classes.wrong(
                label,
                "still the placeholder that `veille new` once wrote",
                "describe the class, or take the prompt set out of prompts",
            )
    if "derive" in table.raw and "texts" in table.raw:
        table.wrong("texts", "derive says where the texts come from", "delete either")
    elif "derive" not in table.raw and not texts:
        known = ", ".join(get_args(Derive))
        table.wrong("texts", "no text", f"add [texts], or derive = one of {known}")
    prompts = table.record(PromptSet, name=name, texts=texts, templates=_templates(table))
    # Random words take the measure of another set; no other set does.
    if prompts.derive != "random-words":
        table.refuse(("like", "seed"), 'goes with derive = "random-words" alone')
    elif prompts.like is None:
        table.wrong("like", "is missing", 'name a prompt set of the study: like = "descriptions"')
    return prompts


def _templates(table: Table) -> tuple[str, ...]:
    if table.says("templates", "tower"):
        return ()
    templates = table.texts("templates")
    for template in templates:
        if (count := template.count("{}")) != 1:
            problem = f"{template!r} has {count} times {{}}"
            table.wrong("templates", problem, "write {} once, where the class's text goes")
    return templates or ("{}",)
