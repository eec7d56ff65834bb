"""A study as the pages see it: which cases count, how they are called, where they are told.

Every page asks the same questions of a :class:`StudyResults`; they are answered here once.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from evaluation import records
from evaluation.errors import ReportError
from evaluation.records.lists import METRICS
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import authored, current, foreign, t
from evaluation.report.kit.typography import NBSP
from evaluation.report.kit.vega import Draw
from evaluation.report.study.pack import Archive, pack
from evaluation.report.study.rule import Answer, answer

Photos = str
"""Whose photos are shown: "all", "redistributable" (of studies that declare it), or these and
those of the studies that are named, with commas between."""


def shows_photos(photos: Photos, study: records.StudyRecord) -> bool:
    """Whether the photos of a study may be shown."""
    words = {word.strip() for word in photos.split(",")}
    return study.redistributable or not words.isdisjoint({"all", study.name})


def check_photos(photos: Photos, studies: Collection[str]) -> None:
    """Raises :class:`ReportError` for a word that is neither a study nor one of the two."""
    known = ("all", "redistributable", *sorted(studies))
    if unknown := sorted({word.strip() for word in photos.split(",")}.difference(known)):
        raise ReportError(
            f"photos: there is no study {', '.join(unknown)}",
            remedy=f"choose among {', '.join(known)}",
        )


BASELINE = "noms"
"""Name of the prompt set that the others are compared with, where a study has it."""

MANY = 30
"""With more classes, a page tells the largest confusions instead of a matrix."""
GALLERIES = 300
"""With more classes, none has a page of its photos: the explorer has those of the test part."""


@dataclass(frozen=True, kw_only=True)
class StudyView:
    """One study's results with the names, addresses and selections that pages share."""

    results: records.StudyResults
    folder: str
    """Where its pages are, "etudes/flipkart"."""
    draw: Draw
    photos_shown: bool
    """Whether its photos may be copied into the site."""
    shared: str = ""
    """Where files that no language changes lie, from this site's root; "" for there."""

    # ------------------------------------------------------------------- names

    @property
    def study(self) -> records.StudyRecord:
        """The study's card."""
        return self.results.study

    @cached_property
    def title(self) -> str:
        """Its title, with French typography."""
        return wording.told(self.study.title)

    def page(self, name: str) -> str:
        """The uri of one of its pages: "comparaison" as "etudes/flipkart/comparaison.md"."""
        return f"{self.folder}/{name}.md"

    @property
    def files(self) -> str:
        """Address of the folder of its photos, from one of its pages; "" for beside them."""
        return links.elsewhere(self.page("index"), self.folder, self.shared) if self.shared else ""

    @cached_property
    def class_slugs(self) -> Mapping[str, str]:
        """Class to the part of the address of its gallery; empty where there are too many."""
        return links.slugs(self.study.classes) if len(self.study.classes) <= GALLERIES else {}

    @cached_property
    def case_slugs(self) -> Mapping[str, str]:
        """Case id to the part of an anchor that stands for it."""
        return links.slugs(
            dict.fromkeys((*self.study.cases, *(run.case for run in self.results.runs)))
        )

    @cached_property
    def _model_titles(self) -> Mapping[str, str]:
        specs = (card.model for card in self.study.models)
        models = (*specs, *(run.model for run in self.results.runs))
        return {model.name: wording.told(model.title) for model in models}

    def case_title(self, run: records.RunRecord) -> str:
        """A case as the pages call it: "Substitut hors ligne (pas un CLIP) · Descriptions"."""
        model = self.model_name(run.model.name)
        return model if run.prompts is None else f"{model} · {wording.told(run.prompts.title)}"

    def case_name(self, case: str) -> str:
        """A case by its id, as the pages call it; the id itself when it has no record."""
        run = self.runs.get(case)
        return case if run is None else self.case_title(run)

    def model_name(self, model: str) -> str:
        """A model by its name in the study, as the pages call it."""
        return self._model_titles.get(model, model)

    # ------------------------------------------------------------------- cases

    @cached_property
    def scored(self) -> tuple[records.RunRecord, ...]:
        """Cases with a result on the photos and the split that the card describes."""
        return tuple(
            run for run in self.results.runs if run.status == "ok" and self.study.is_of(run)
        )

    @cached_property
    def ranked(self) -> tuple[records.RunRecord, ...]:
        """These cases, best accuracy first."""
        return tuple(sorted(self.scored, key=lambda run: -value(run, "accuracy")))

    @cached_property
    def unscored(self) -> tuple[str, ...]:
        """Declared cases without a comparable result: unavailable, failed, stale, never run."""
        scored = {run.case for run in self.scored}
        return tuple(case for case in self.study.cases if case not in scored)

    @cached_property
    def runs(self) -> Mapping[str, records.RunRecord]:
        """Case id to its record."""
        return {run.case: run for run in self.results.runs}

    @property
    def zero_shot(self) -> tuple[records.RunRecord, ...]:
        """Scored cases that read nothing of the user's own but the photo."""
        return tuple(run for run in self.text_cases if run not in self.label_free)

    @property
    def text_cases(self) -> tuple[records.RunRecord, ...]:
        """Scored cases of models that read texts."""
        return tuple(run for run in self.scored if run.model.reads_texts)

    @cached_property
    def label_free(self) -> tuple[records.RunRecord, ...]:
        """Scored cases that read titles, unlabelled photos or declared shares, and no label."""
        return tuple(
            run
            for run in self.text_cases
            if run.model.family == "label-free" or "title" in run.model.reads
        )

    @property
    def described(self) -> tuple[records.RunRecord, ...]:
        """Scored zero-shot cases whose texts mean something: random words are a control."""
        return tuple(
            run
            for run in self.zero_shot
            if run.prompts is not None and run.prompts.derive != "random-words"
        )

    @cached_property
    def controls(self) -> frozenset[str]:
        """Ids of the scored zero-shot cases that are not described."""
        return frozenset(run.case for run in self.zero_shot) - {run.case for run in self.described}

    @property
    def supervised(self) -> tuple[records.RunRecord, ...]:
        """Scored cases that learned from the labels of the study."""
        return tuple(run for run in self.scored if run.model.learns)

    @cached_property
    def prompt_sets(self) -> tuple[records.PromptSet, ...]:
        """The prompt sets of the cases with a record, resolved, in the order of the cases."""
        sets = {run.prompts.name: run.prompts for run in self.results.runs if run.prompts}
        # A set is resolved in the records of cases that ran; those come last, and win.
        sets |= {run.prompts.name: run.prompts for run in self.scored if run.prompts}
        return tuple(sets.values())

    @cached_property
    def baseline(self) -> str | None:
        """The prompt set that the others are compared with."""
        names = [prompts.name for prompts in self.prompt_sets]
        derived = [row.name for row in self.prompt_sets if row.derive == "class-names"]
        return BASELINE if BASELINE in names else next(iter((*derived, *names)), None)

    def twin(self, run: records.RunRecord) -> records.RunRecord | None:
        """The scored case of the same model with the baseline prompt set."""
        for other in self.zero_shot:
            same = other.model.name == run.model.name
            if same and other.prompts and other.prompts.name == self.baseline:
                return other
        return None

    # ------------------------------------------------------------------ models

    @cached_property
    def model_cards(self) -> Mapping[str, records.ModelCard]:
        """Model to what is known of it, in the order of the study; none in older artefacts."""
        return {card.model.name: card for card in self.study.models}

    def model_of(self, case: str) -> str:
        """The model of a case, by the case's id: "siglip2" of "flipkart/siglip2/noms"."""
        return case.removeprefix(f"{self.study.name}/").partition("/")[0]

    @cached_property
    def model_anchors(self) -> Mapping[str, str]:
        """Model to the anchor of its card."""
        return {name: f"modele-{slug}" for name, slug in links.slugs(self.model_cards).items()}

    @cached_property
    def archive(self) -> Archive | None:
        """The study's files in one, with its photos where they may be shown."""
        return pack(self.results.folder, photos=self.photos_shown)

    # ----------------------------------------------------------------- numbers

    def run_anchor(self, run: records.RunRecord) -> str:
        """The anchor of a case's record on the page of methods."""
        return f"execution-{self.case_slugs[run.case]}"

    @property
    def data_trace(self) -> str:
        """Where the numbers of photos come from, as a tooltip."""
        return t("study.json, données {revision}", revision=self.study.dataset_revision[:12])

    @cached_property
    def test_images(self) -> int:
        """How many photos the cases are scored on."""
        return sum(card.fold == "test" for card in self.study.samples)

    @property
    def chance(self) -> float:
        """Accuracy of a draw among the classes."""
        return 1 / len(self.study.classes)

    @cached_property
    def last_run(self) -> str | None:
        """When the most recent scored case began, ISO 8601."""
        return max((run.provenance.started for run in self.scored), default=None)

    @cached_property
    def cards(self) -> Mapping[str, records.SampleCard]:
        """Sample id to its card."""
        return {card.id: card for card in self.study.samples}

    def gloss(self, label: str) -> str:
        """What a class name means in the language of the page; "" where nobody says."""
        return self.study.glosses.get(label, "") if current() == "fr" else authored(label) or ""

    @cached_property
    def names_lang(self) -> str:
        """Language of the class names where it is not that of the page: a prompt set has it."""
        made = (prompts.language for prompts in self.prompt_sets if prompts.derive == "class-names")
        language = next(made, "")
        return "" if language == current() else language

    @cached_property
    def foreign_names(self) -> Mapping[str, str]:
        """What the page calls by a name in another language: the name, to that language.

        Titles that nobody translated, class names, and sub-categories, which are taken to be in
        the language of the classes.
        """
        titles = [self.study.title, *(run.model.title for run in self.results.runs)]
        titles += [prompts.title for prompts in self.prompt_sets]
        names = {wording.told(text): "fr" for text in titles if foreign(text)}
        names |= {
            self.case_title(run): "fr" for run in self.results.runs if foreign(run.model.title)
        }
        if self.names_lang:
            sorts = {card.subcategory for card in self.study.samples}
            names |= {name: self.names_lang for name in (*self.study.classes, *sorts) if name}
        return names

    def samples(self, label: str, fold: str | None = None) -> tuple[records.SampleCard, ...]:
        """The photos of a class, in one part of the split or in all."""
        return tuple(
            card for card in self.study.samples if card.label == label and fold in (None, card.fold)
        )

    # -------------------------------------------------------------- comparison

    @cached_property
    def comparison(self) -> records.StudyComparison | None:
        """What was concluded from these very cases; None when it was from others."""
        known, study = self.results.comparison, self.study
        if known is None or set(known.inputs) != {run.case for run in self.scored}:
            return None
        data = (known.dataset_revision, known.split_digest)
        return known if data == (study.dataset_revision, study.split_digest) else None

    @cached_property
    def concluded(self) -> records.StudyComparison:
        """The same; one without any conclusion where there is none."""
        return self.comparison or records.StudyComparison(
            study=self.study.name,
            dataset_revision=self.study.dataset_revision,
            split_digest=self.study.split_digest,
            inputs={},
            comparison=None,
        )

    @property
    def compared(self) -> records.CaseComparison | None:
        """The tests of all cases on the same photos; None with fewer than two."""
        return self.concluded.comparison

    @cached_property
    def _pairs(self) -> Mapping[frozenset[str], records.PairedTest]:
        pairs = self.compared.pairs if self.compared else ()
        return {frozenset((pair.a, pair.b)): pair for pair in pairs}

    def pair(self, case: str, other: str) -> records.PairedTest | None:
        """The test of two cases, by their ids; None when they were not compared."""
        return self._pairs.get(frozenset((case, other)))

    @property
    def alpha(self) -> float:
        """The level of the tests."""
        return self.compared.alpha if self.compared else 0.05

    def behind(self, leaders: records.Finding) -> int:
        """How many cases, controls left out, a test finds worse than the first one."""
        return len(self.scored) - len(self.controls) - len(leaders.members)

    @cached_property
    def answer(self) -> Answer:
        """Which cases answer the study's question, and what follows from their records."""
        return answer(
            self.study.answer, self.scored, self.concluded.validation, self._pairs.values()
        )

    @property
    def margin(self) -> str:
        """The gap that does not matter, in words: "5 points"."""
        margin = self.compared.margin if self.compared else self.study.answer.margin
        return wording.gap(margin, 0 if (100 * margin).is_integer() else 1)

    def shown_changes(self, case: str) -> frozenset[str]:
        """The classes whose recall a case is shown to change over the baseline's."""
        return frozenset(
            row.label
            for diagnosis in self.concluded.prompts
            for gain in diagnosis.gains
            if gain.a == case
            for row in gain.classes
            if row.p_holm < self.alpha
        )

    def measured(self, system: records.ReferenceSystem) -> tuple[records.RunRecord, ...]:
        """The scored cases in the situation of a published system: those that the study declares,
        or else, as far as the source tells it, those of its kind and texts.
        """
        named = self.study.answer.beside.get(system.name)

        def alike(run: records.RunRecord) -> bool:
            if named is not None:
                case = run.case.removeprefix(f"{self.study.name}/")
                return run.model.name in named or case in named
            prompts = run.prompts.name if run.prompts else None
            return (
                (system.kind, system.prompts) == (run.model.kind, prompts)
                and system.contrastive in (None, bool(run.model.is_clip))
                and system.augmented in (None, run.model.augmentation is not None)
            )

        return tuple(run for run in self.scored if alike(run))

    def explorable(self, *cases: str) -> bool:
        """Whether the page of the photos knows what these cases say."""
        return all(case in self.results.predictions for case in cases)

    def pair_anchor(self, case: str, other: str) -> str:
        """The anchor of the cell of the matrix where a case faces another.

        Slugs have no double hyphen, so no two pairs share one.
        """
        return f"paire-{self.case_slugs[case]}--{self.case_slugs[other]}"

    # ------------------------------------------------------------ explanations

    @cached_property
    def explanations(self) -> Mapping[str, records.CaseExplanation]:
        """Case id to its maps, for the scored cases that have some."""
        known = self.results.explanations
        return {run.case: known[run.case] for run in self.scored if run.case in known}

    @cached_property
    def suggestions(self) -> Mapping[str, records.Suggestion]:
        """Case id to what is suggested to write instead of its texts."""
        known = self.results.suggestions
        return {run.case: known[run.case] for run in self.scored if run.case in known}


def metric_title(name: str) -> str:
    """What the pages call a metric."""
    return next((t(row.title) for row in METRICS if row.name == name), name)


def trace(run: records.RunRecord) -> str:
    """Where a number of this case comes from, as a tooltip."""
    started = wording.instant(run.provenance.started)
    return t("Exécution {case}, {started}", case=run.case, started=started)


def trace_all(cases: Iterable[str]) -> str:
    """Where a number that several cases make comes from, as a tooltip."""
    return t("Exécutions {cases}", cases=wording.listing(tuple(cases)))


def trace_vectors(model: str) -> str:
    """Where a number that the embeddings of a model make comes from, as a tooltip."""
    return t("comparison.json, vecteurs de {model}", model=model)


def value(run: records.RunRecord, metric: str) -> float:
    """A metric's value for sorting: an undefined one is below all others."""
    measured = run.metric(metric)
    return -1.0 if measured is None or measured.value is None else measured.value


def best(runs: tuple[records.RunRecord, ...]) -> records.RunRecord | None:
    """The case of highest accuracy, the first of equals."""
    return max(runs, key=lambda run: value(run, "accuracy"), default=None)


def shown(metric: records.Metric | None) -> str:
    """A share as "85,7 %", or a dash when it is undefined."""
    value = None if metric is None else metric.value
    return wording.DASH if value is None else wording.percent(value)


def bounds(metric: records.Metric | None) -> str:
    """A share's 95 % interval as "[80,3 ; 89,8]", or "" when it has none.

    One without width comes of resamples that are all alike: it says nothing, and is not shown.
    """
    if metric is None or metric.low is None or metric.high is None or metric.low == metric.high:
        return ""
    return wording.interval(metric.low, metric.high)


def interval_said(metric: records.Metric | None) -> str:
    """A share with its interval, in running text: "64,3 % [57,6 ; 70,5]"."""
    return f"{shown(metric)}{NBSP}{bounds(metric)}".strip()
