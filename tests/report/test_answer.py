"""The answer in words: synthetic studies that win, lose, are open, lack a CLIP or a side."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.records import (
    AnswerSpec,
    Metric,
    ModelSpec,
    PromptChoice,
    PromptDiagnosis,
    RunRecord,
    StudyComparison,
    StudyResults,
)
from evaluation.report.kit.language import Language, speaking
from evaluation.report.site.render import render
from evaluation.report.study import answer
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView, value
from evaluation.scoring.comparison import align, compare
from evaluation.scoring.findings import find
from tests.report import builder
from tests.report.conftest import TEMPLATES, placeholder, plain, printed
from tests.report.words import words

CLASSES = tuple(f"C{i}" for i in range(7))
CLIP = ModelSpec(
    name="vit", kind="clip", architecture="ViT-B-32", weights="openai", title="CLIP ViT-B/32"
)
N = 30


@dataclass(frozen=True)
class Scored:
    """A case: its model, and how many photos of each class, or of all, it gets right."""

    model: ModelSpec
    right: int | Sequence[int]

    def run(self, classes: tuple[str, ...], n: int) -> RunRecord:
        texts = builder.prompt_set("noms", classes) if self.model.reads_texts else None
        recalls = [self.right] * len(classes) if isinstance(self.right, int) else self.right
        confusion = builder.confusion_of(recalls, n, sink=1 % len(classes))
        return builder.run_record("s", classes, self.model, texts, confusion=confusion)


STAND_IN, TRAINED = builder.embedded(), builder.supervised()


def study(
    folder: Path,
    *cases: Scored,
    about: str | None = None,
    classes: tuple[str, ...] = CLASSES,
    n: int = N,
) -> StudyResults:
    """A study with these cases, compared by the real functions."""
    runs = tuple(case.run(classes, n) for case in cases)
    template = builder.second(folder)
    card = replace(
        template.study,
        name="s",
        title="Essai",
        question="Suffit-il ?",
        classes=classes,
        samples=builder.cards(classes, train=1, validation=1, test=n),
        cases=tuple(run.case for run in runs),
        answer=AnswerSpec(about="clip" if about else None),
        translations=builder.ENGLISH,
    )
    results = builder.results_of(card, runs, folder)
    return replace(results, comparison=_compared(results))


def _compared(results: StudyResults) -> StudyComparison:
    several = len(results.runs) > 1
    compared = compare(align(results.predictions)) if several else None
    return StudyComparison(
        study="s",
        dataset_revision=results.study.dataset_revision,
        split_digest=results.study.split_digest,
        inputs={run.case: "d4" * 32 for run in results.runs},
        comparison=compared,
        findings=find(compared, results.runs, names="noms") if compared else (),
        validation={
            run.case: replace(run.metric("accuracy") or Metric(name="accuracy", value=0, n=1))
            for run in results.runs
        },
    )


def here(results: StudyResults) -> Here:
    view = StudyView(results=results, folder="etudes/s", draw=placeholder, photos_shown=True)
    return Here(view, "etudes/s/index.md")


def said(results: StudyResults, language: Language = "fr") -> tuple[str, str]:
    """The word and the sentence."""
    with speaking(language, results.study.translations):
        view = here(results).view
        return printed("word", view.answer), plain(answer.sentence(view))


def share(percent: int) -> tuple[int, ...]:
    """Of 20 photos in each of ten classes, those that make this share of all 200."""
    each, more = divmod(2 * percent, 10)
    return tuple(each + (place < more) for place in range(10))


@pytest.mark.parametrize(
    ("clip", "word", "sentence", "english"),
    [
        (50, "Non", "CLIP fait moins bien que le modèle entraîné, de plus de 5\u00a0points.",
         ("No", "CLIP does worse than the trained model, by more than 5\u00a0points.")),
        (84, "On ne peut pas dire", "ne disent pas si CLIP vaut le modèle entraîné",
         ("We cannot tell", "do not tell whether CLIP equals the trained model")),
        (95, "Oui", "CLIP fait mieux que le modèle entraîné.",
         ("Yes", "CLIP does better than the trained model.")),
    ],
)  # fmt: skip
def test_a_clip_that_was_scored_answers(
    tmp_path: Path, clip: int, word: str, sentence: str, english: tuple[str, str]
) -> None:
    """At 0.50, 0.84 and 0.95 against 0.87; the stand-in, however good, does not."""
    results = study(
        tmp_path,
        Scored(STAND_IN, 20),
        Scored(CLIP, share(clip)),
        Scored(TRAINED, share(87)),
        about="clip",
        classes=tuple(f"C{i}" for i in range(10)),
        n=20,
    )
    candidate, rival = answer.leading(here(results).view)
    assert candidate.model == CLIP
    assert [value(run, "accuracy") for run in (candidate, rival)] == [clip / 100, 0.87]
    assert said(results)[0] == word
    assert sentence in said(results)[1]
    assert said(results, "en")[0] == english[0]
    assert english[1] in said(results, "en")[1]


def test_without_a_clip_the_first_words_say_so(tmp_path: Path) -> None:
    """Then what the stand-in does; the question itself gets no yes."""
    results = study(tmp_path, Scored(STAND_IN, 30), Scored(TRAINED, 20), about="clip")
    assert said(results)[0] == "CLIP\u00a0: non mesuré ici"
    assert said(results)[1].endswith("le substitut fait mieux que le modèle entraîné.")
    assert said(results, "en")[0] == "CLIP: not measured here"
    text = plain(answer.answer(here(results)))
    assert text.startswith("CLIP\u00a0: non mesuré ici. L’étude ne déclare aucun CLIP")


def test_weights_that_are_not_here_are_said_with_the_command(shop: StudyResults) -> None:
    """A declared CLIP without weights: how to have it."""
    missing = plain(answer.missing_clip(here(shop).view))
    assert "veille weights boutique" in missing
    assert "veille eval boutique" in missing


@pytest.mark.parametrize(
    ("candidate", "rival", "word"),
    [(29, 20, "Oui"), (20, 29, "Non"), (25, 26, "On ne peut pas dire"), (30, 30, "Oui")],
)
def test_win_lose_open_and_identical(tmp_path: Path, candidate: int, rival: int, word: str) -> None:
    """The word follows the interval; two cases that agree everywhere are equal."""
    results = study(tmp_path, Scored(STAND_IN, candidate), Scored(TRAINED, rival))
    assert said(results)[0] == word


def test_seven_photos_say_what_their_interval_says(tmp_path: Path) -> None:
    """One photo a class: 7 right against none are told apart, 7 against 7 are not."""
    results = study(tmp_path, Scored(STAND_IN, 1), Scored(TRAINED, 0), n=1)
    assert said(results) == (
        "Oui",
        "Sans aucune photo d’exemple, le modèle texte-image fait mieux que le modèle entraîné.",
    )
    few = study(tmp_path, Scored(STAND_IN, 1), Scored(TRAINED, 1), n=1)
    assert said(few)[0] == "On ne peut pas dire"


def test_one_side_alone_is_not_compared(tmp_path: Path) -> None:
    """One case only: no word, and which side is lacking."""
    for case, lacking in (
        (Scored(STAND_IN, 20), "Aucun modèle entraîné n’a de résultat"),
        (Scored(TRAINED, 20), "Aucun modèle qui lit des textes n’a de résultat"),
    ):
        word, sentence = said(study(tmp_path, case))
        assert word == ""
        assert sentence.startswith(lacking)


def test_nothing_scored(tmp_path: Path) -> None:
    """The page stands, and says that nothing is measured."""
    results = study(tmp_path, Scored(STAND_IN, 20))
    empty = replace(results, runs=(), predictions={}, comparison=None)
    assert said(empty) == ("", "Aucun cas n’a encore de résultat comparable sur ces photos.")


UNSEEN = (26, 26, 26, 0, 26, 26, 26)
"""Of the fourth class no photo is right, and no photo of another goes there."""


def alike(results: StudyResults) -> StudyResults:
    """The same study, whose cases all say what the first one says."""
    first = results.predictions[results.runs[0].case]
    same = replace(results, predictions={run.case: first for run in results.runs})
    return replace(same, comparison=_compared(same))


SYNTHETIC: dict[str, Callable[[Path], StudyResults]] = {
    "wins": lambda p: study(p, Scored(STAND_IN, 29), Scored(TRAINED, 20)),
    "loses": lambda p: study(p, Scored(STAND_IN, 20), Scored(TRAINED, 29)),
    "equals": lambda p: study(p, Scored(STAND_IN, 26), Scored(TRAINED, 26)),
    "clip": lambda p: study(p, Scored(CLIP, 25), Scored(TRAINED, 26), about="clip"),
    "no clip": lambda p: study(p, Scored(STAND_IN, 25), Scored(TRAINED, 26), about="clip"),
    "perfect": lambda p: study(p, Scored(STAND_IN, 30), Scored(TRAINED, 30)),
    "chance": lambda p: study(p, Scored(STAND_IN, 4), Scored(TRAINED, 4)),
    "seven photos": lambda p: study(p, Scored(STAND_IN, 1), Scored(TRAINED, 1), n=1),
    "identical": lambda p: alike(study(p, Scored(STAND_IN, 20), Scored(TRAINED, 20))),
    "never predicted": lambda p: study(p, Scored(STAND_IN, UNSEEN), Scored(TRAINED, UNSEEN)),
    "one case": lambda p: study(p, Scored(STAND_IN, 20)),
    "nothing": lambda p: replace(
        study(p, Scored(STAND_IN, 20)), runs=(), predictions={}, comparison=None
    ),
}


def clip_of(share_right: int) -> Callable[[Path], StudyResults]:
    """A CLIP of this accuracy against 0.87, beside a stand-in that gets everything right."""
    classes = tuple(f"C{i}" for i in range(10))
    cases = Scored(STAND_IN, 20), Scored(CLIP, share(share_right)), Scored(TRAINED, share(87))
    return lambda p: study(p, *cases, about="clip", classes=classes, n=20)


SYNTHETIC |= {f"CLIP at {right}": clip_of(right) for right in (50, 84, 95)}

SAID: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # Of each study, in French and in English: what its answer says.
    "wins": (
        ("Oui", "le modèle texte-image fait mieux que le modèle entraîné", "fait mieux que tous"),
        ("Yes", "the text-image model does better than the trained model"),
    ),
    "loses": (
        ("Non", "le modèle texte-image fait moins bien que le modèle entraîné, de plus de 5"),
        ("No", "the text-image model does worse than the trained model, by more than 5"),
    ),
    "equals": (
        ("On ne peut pas dire", "On ne peut pas conclure", "même exactitude"),
        ("We cannot tell", "no conclusion can be drawn", "same accuracy"),
    ),
    "clip": (
        ("On ne peut pas dire", "ne disent pas si CLIP vaut le modèle entraîné"),
        ("We cannot tell", "do not tell whether CLIP equals the trained model"),
    ),
    "no clip": (
        ("CLIP : non mesuré ici", "si le substitut vaut le modèle entraîné"),
        ("CLIP: not measured here", "whether the stand-in equals the trained model"),
    ),
    "perfect": (
        ("Oui", "vaut le modèle entraîné, à moins de 5 points près", "Rien ne sépare"),
        ("Yes", "equals the trained model to within 5 points"),
    ),
    "chance": (
        ("On ne peut pas dire", "ne se distinguent pas du hasard (14,3 %)"),
        ("We cannot tell", "cannot be told from chance (14.3%)"),
    ),
    "seven photos": (
        ("On ne peut pas dire", "sur ces 7 images"),
        ("We cannot tell", "on these 7 images"),
    ),
    "identical": (
        ("Oui", "vaut le modèle entraîné, à moins de 5 points près", "même exactitude"),
        ("Yes", "equals the trained model to within 5 points", "same accuracy"),
    ),
    "never predicted": (
        ("On ne peut pas dire", "celui de « C3 » (0,0 %"),
        ("We cannot tell", "that of “C3” (0.0%"),
    ),
    "one case": (
        ("Aucun modèle entraîné n’a de résultat à comparer",),
        ("No trained model has a result to compare",),
    ),
    "nothing": (
        ("Aucun cas n’a encore de résultat comparable",),
        ("No case has a comparable result on these photos yet",),
    ),
    "CLIP at 50": (
        ("Non", "CLIP fait moins bien que le modèle entraîné, de plus de 5"),
        ("No", "CLIP does worse than the trained model, by more than 5"),
    ),
    "CLIP at 84": (
        ("On ne peut pas dire", "ne disent pas si CLIP vaut le modèle entraîné"),
        ("We cannot tell", "do not tell whether CLIP equals the trained model"),
    ),
    "CLIP at 95": (
        ("Oui", "CLIP fait mieux que le modèle entraîné"),
        ("Yes", "CLIP does better than the trained model"),
    ),
}

NEVER = ("ex æquo", "tied for", "p médian", "median p", "CLIP zero-shot")
LOWEST = ("le rappel mesuré le plus bas", "the lowest measured recall")
MOST = ("la confusion la plus fréquente prend", "the most frequent confusion takes")
BETTER = ("fait mieux que", "does better than")
WORSE = ("fait moins bien que", "does worse than")
NOT_MEASURED = ("non mesuré ici", "not measured here")
CLIP_SAYS = ("CLIP fait", "CLIP vaut", "CLIP does", "CLIP equals")
EQUAL = (
    "exemple, le modèle texte-image vaut",
    "exemple, CLIP vaut",
    "Rien ne sépare",
    "photo, the text-image model equals",
    "photo, CLIP equals",
    "Nothing separates",
)

UNSAID: dict[str, tuple[str, ...]] = {
    # Of each study, in both languages: what no page of it says.
    "wins": (*WORSE, *EQUAL, *NOT_MEASURED),
    "loses": (*EQUAL, *NOT_MEASURED),
    "equals": (*BETTER, *WORSE, *EQUAL, *LOWEST),
    "clip": (*BETTER, *WORSE, *EQUAL, *NOT_MEASURED),
    "no clip": (*BETTER, *WORSE, *CLIP_SAYS),
    "perfect": (*BETTER, *WORSE, *LOWEST, *MOST),
    "chance": (*BETTER, *WORSE, *EQUAL, *LOWEST),
    "seven photos": (*BETTER, *WORSE, *EQUAL, *LOWEST, *MOST),
    "identical": (*BETTER, *WORSE, *LOWEST),
    "never predicted": (*BETTER, *WORSE, *EQUAL),
    "one case": (*BETTER, *WORSE, *EQUAL),
    "nothing": (*BETTER, *WORSE, *EQUAL, *LOWEST, *MOST),
    "CLIP at 50": NOT_MEASURED,
    "CLIP at 84": (*CLIP_SAYS[:1], *CLIP_SAYS[2:3], *NOT_MEASURED),
    "CLIP at 95": (*WORSE, *NOT_MEASURED),
}


@pytest.mark.parametrize("name", SYNTHETIC)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_synthetic_studies_say_what_they_must_and_nothing_else(
    tmp_path: Path, name: str, language: Language
) -> None:
    """The answer has its words; no page has a superlative, a tie or a certainty without a test."""
    results = SYNTHETIC[name](tmp_path)
    pages = render((results,), None, templates=TEMPLATES, draw=placeholder, language=language)
    said = {
        uri: re.sub("[\u00a0\u202f]", " ", words(page))
        for uri, page in pages.items()
        if uri.startswith(("etudes/s/", "index")) and uri.endswith(".md") and isinstance(page, str)
    }
    place = 0 if language == "fr" else 1
    first = said["etudes/s/index.md"]
    assert [piece for piece in SAID[name][place] if piece.lower() not in first.lower()] == []
    whole = "\n".join(said.values())
    assert [piece for piece in (*NEVER, *UNSAID[name]) if piece in whole] == []


def test_a_sentence_has_25_words_at_most(tmp_path: Path) -> None:
    """In both languages, whatever the answer."""
    for make in SYNTHETIC.values():
        results = make(tmp_path)
        for language in ("fr", "en"):
            assert len(re.findall(r"\w[\w’'-]*", said(results, language)[1])) <= 25  # type: ignore[arg-type]


def test_the_strip_shows_both_sides_right_and_wrong(tmp_path: Path) -> None:
    """Four different photos: each side is right on one and wrong on another."""
    results = study(tmp_path, Scored(STAND_IN, 20), Scored(TRAINED, 25))
    place = here(results)
    shown = answer.first_screen(place)["photos"]
    assert isinstance(shown, list)
    assert len({one["photo"]["src"] for one in shown}) == 4
    verdicts = np.array([[right for *_, right in one["said"]] for one in shown])
    assert verdicts[0, 0]
    assert not verdicts[1, 0]
    assert verdicts[2, 1]
    assert not verdicts[3, 1]


def test_photos_that_may_not_be_shown_are_not(tmp_path: Path) -> None:
    """Neither in the strip."""
    place = here(study(tmp_path, Scored(STAND_IN, 20), Scored(TRAINED, 25)))
    hidden = Here(replace(place.view, photos_shown=False), place.uri)
    assert answer.first_screen(hidden)["photos"] == []


def test_a_no_says_whether_the_margin_is_surely_exceeded(tmp_path: Path) -> None:
    """The interval lies wholly beyond the margin, or reaches within it."""
    far = said(study(tmp_path, Scored(STAND_IN, 10), Scored(TRAINED, 29)))[1]
    assert far.endswith("fait moins bien que le modèle entraîné, de plus de 5\u00a0points.")
    near = said(study(tmp_path, Scored(STAND_IN, 25), Scored(TRAINED, 28)))[1]
    assert near.endswith("peut-être de plus de 5\u00a0points.")


def test_texts_made_from_labels_say_so(tmp_path: Path) -> None:
    """A prompt set that validation chose and that labels wrote is told as such."""
    results = study(tmp_path, Scored(STAND_IN, 20), Scored(TRAINED, 25))
    run = results.runs[0]
    assert run.prompts is not None
    derived = replace(run, prompts=replace(run.prompts, derive="subcategories"))
    view = here(replace(results, runs=(derived, *results.runs[1:]))).view
    assert view.answer.candidate is None
    assert results.comparison is not None
    metric = Metric(name="accuracy", value=0.5, n=10)
    choice = PromptChoice(
        model="embedded",
        candidates=("noms", "autres"),
        chosen="noms",
        validation=metric,
        test=metric,
        best_on_test="noms",
        best_test=metric,
        optimism=0.0,
    )
    diagnosis = PromptDiagnosis(model="embedded", choice=choice)
    compared = replace(results.comparison, prompts=(diagnosis,))
    place = here(replace(view.results, comparison=compared))
    assert printed("choice", place, choice, of="_macros.jinja").endswith(
        "Ces textes sont tirés des étiquettes d’apprentissage."
    )
