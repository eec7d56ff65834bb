"""What the comparison of a study's cases gives: comparison.json holds a StudyComparison.

Shares, gaps and effects are fractions (0.05 is 5 points); intervals are at 95 %.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from evaluation.records.base import OnSplit, Record, Sided
from evaluation.records.scores import HumanAgreement, KeptState, Metric, Repeats, SliceScore

Verdict = Literal["better", "tie", "inconclusive"]
"""better: a test separates the two, and the first is the better one.
tie: none does, and a gap as large as the study's margin is excluded both ways.
inconclusive: none does, and the images are too few, or too split, to say that they are equal."""


class PairedTest(Sided):
    """Two cases on the same images, ``a`` the more accurate; the gap's interval is Tango's."""

    n: int
    only_a: int
    """Images that only ``a`` gets right."""
    only_b: int
    p_exact: float
    """McNemar's exact conditional test."""
    p_mid: float
    """McNemar's mid-p test (Fagerland, Lydersen & Laake 2013)."""
    p_holm: float
    """``p_mid`` corrected for every pair of the comparison (Holm 1979)."""
    smallest_gap: float | None
    """The smallest gap with mid-p < 0.05, had as many images been disputed; None below five."""
    verdict: Verdict


class RankedCase(Record):
    """A case's place among those it was compared with."""

    case: str
    accuracy: Metric
    rank: int
    """1 + the number of cases that a test finds better."""
    worst_rank: int
    """Number of cases − the number that a test finds worse: [rank, worst_rank] holds the true
    rank with 95 % confidence (Mogstad, Romano, Shaikh & Wilhelm 2024)."""
    groups: tuple[str, ...]
    """Letters "a", "b", …: two cases share a letter exactly when no test separates them."""


class Power(Record):
    """The chance that one pair's mid-p test sees a true gap."""

    gap: float
    power: float


class CaseComparison(Record):
    """All cases on the same images."""

    n: int
    alpha: float
    """Of every test."""
    margin: float
    """Gaps below it are too small to matter: see :data:`Verdict`."""
    cases: tuple[RankedCase, ...]
    """Best accuracy first."""
    cochran_q: float
    """Cochran's Q (1950): are all accuracies equal?"""
    cochran_df: int
    cochran_p: float
    pairs: tuple[PairedTest, ...]
    """Every pair, best first."""
    discordance: float
    """Median share of images on which one case of a pair is right and the other wrong."""
    detectable_gap: float | None
    """What one test sees four times in five at this n and discordance; None: nothing."""
    power: tuple[Power, ...]
    """At this n and discordance."""
    clustered: bool = False
    """Whether near-duplicate photos were counted as one."""


FindingTopic = Literal["leaders", "models", "prompts", "control", "training", "quoted"]
"""What a finding is about: the best case and those no test separates from it, two models with
their best prompts, a prompt set over the class names, a prompt set over random words of the
same length, a supervised model over the best zero-shot one, or two published results."""


class Finding(Sided):
    """A conclusion as data: the report writes the sentence.

    ``a`` and ``b`` are case ids, or names of quoted systems; ``a`` has the higher accuracy.
    """

    topic: FindingTopic
    verdict: Verdict
    subject: str
    """Which of the two the question is about: the descriptions, the supervised model, …"""
    p: float
    """Holm-corrected mid-p; of a quoted tie, the uncorrected one of the most favourable overlap."""
    n: int
    members: tuple[str, ...] = ()
    """``leaders``: the cases that no test separates from the best one, which comes first."""


class ReliabilityBin(Record):
    """Images whose confidence lies in ]low, high]."""

    low: float
    high: float
    confidence: float | None
    """Their mean confidence; None when there are none."""
    accuracy: Metric


class CalibrationScores(Record):
    """How far probabilities can be believed."""

    brier: Metric
    """Mean of Σ_c (p_c − y_c)², between 0 and 2 (Brier 1950)."""
    nll: Metric
    """Mean −log p of the true class, in nats."""
    ece: float
    """Expected calibration error of the most probable class, equal-width bins."""
    ece_null_mean: float
    """Its mean, and its 95th percentile, had these very confidences been perfectly calibrated."""
    ece_null_high: float
    bins: tuple[ReliabilityBin, ...]
    confidence: float
    """Mean probability of the predicted class; above the accuracy: overconfident."""


class Calibration(Record):
    """A case's probabilities as they are, and after one temperature."""

    case: str
    before: CalibrationScores
    after: CalibrationScores
    temperature: float
    """Above 1: the probabilities were too sharp.  With cross-fitting, the mean of the folds'."""
    fitted_on: Literal["validation", "cross-fitting"]


class RiskPoint(Record):
    """A point of the risk-coverage curve."""

    coverage: float
    """Share of the images classified: those with a confidence of at least ``threshold``."""
    risk: float
    """Share of errors among them."""
    threshold: float


class Automation(Record):
    """How much of the catalogue can be classified without a look, at a target precision."""

    target: float
    """The precision wanted: 0.95."""
    threshold: float | None
    """Classify what is at least this confident; None when no threshold reached the target."""
    chosen_on: Literal["validation", "cross-fitting"]
    coverage: Metric
    """Share of the test images that are classified; ``threshold`` never saw them."""
    precision: Metric
    """Share of right ones among them."""
    certified_coverage: float
    """The largest at which tests show, with 95 % confidence, more than the target; 0 for none."""
    certified_threshold: float | None
    certifiable: bool = True
    """Whether so many images, near duplicates counted once, can show the target at all."""


class Abstention(Record):
    """What a case gains by leaving doubtful images to a person."""

    case: str
    curve: tuple[RiskPoint, ...]
    aurc: Metric
    """Area under the risk-coverage curve (Geifman & El-Yaniv 2017): lower is better."""
    automation: Automation


class ClassGain(Record):
    """What a prompt set changes in one class's recall."""

    label: str
    n: int
    only_a: int
    only_b: int
    gain: float
    """Recall with ``a`` minus recall with ``b``."""
    low: float
    high: float
    p_mid: float
    p_holm: float
    """Corrected for the classes of this prompt set."""


class PromptGain(Record):
    """A prompt set against another, same model, class by class."""

    a: str
    b: str
    classes: tuple[ClassGain, ...]


class TextEffect(Record):
    """What one text of a class brings: accuracy with it minus accuracy without it."""

    label: str
    text: str
    n: int
    only_with: int
    only_without: int
    effect: float
    low: float
    high: float
    p_mid: float
    p_holm: float
    """Corrected for the texts of the prompt set."""
    own_recall: float
    """The same for the recall of its own class."""


class TextPair(Record):
    """Two classes whose texts say nearly the same to the model."""

    a: str
    b: str
    cosine: float


class VarianceSource(Record):
    """A share of the differences between the accuracies of all models × prompt sets."""

    source: Literal["model", "prompts", "interaction"]
    share: float
    """Of the sum of squares between the cells."""
    low: float
    high: float
    effect: float
    """Root mean square effect in accuracy, once the noise of the images is taken away."""
    df: int
    wald: float
    """Wald's chi-square that there is none (Grizzle, Starmer & Koch 1969)."""
    p: float


class PromptChoice(Record):
    """Prompt sets chosen on validation and scored on test, beside the choice made on test."""

    model: str
    candidates: tuple[str, ...]
    chosen: str
    """The best on validation; the first of equals."""
    validation: Metric
    test: Metric
    """Of ``chosen``: the number to report."""
    best_on_test: str
    best_test: Metric
    """Of ``best_on_test``: what a choice on test would have reported."""
    optimism: float
    """By how much the accuracy of the best on test overstates it (bootstrap, Efron 1983)."""


class PromptDiagnosis(Record):
    """Everything that is known of one model's prompt sets."""

    model: str
    gains: tuple[PromptGain, ...] = ()
    effects: Mapping[str, tuple[TextEffect, ...]] = field(default_factory=dict)
    """Case id to the effects of its texts."""
    near_identical: Mapping[str, tuple[TextPair, ...]] = field(default_factory=dict)
    """Case id to the classes that its texts hardly tell apart."""
    choice: PromptChoice | None = None


class MeanGain(Record):
    """Several repetitions (seeds) of a method against one case, on the same images."""

    gain: float
    """Mean accuracy over the repetitions, minus the case's."""
    low: float
    high: float
    p: float
    n: int
    repetitions: int


class Band(Record):
    """Draws of what a head learns from, on the same test images."""

    accuracies: tuple[float, ...]
    """One a draw."""
    mean: float
    low: float
    """Band of the mean over draws and images: twice crossed t interval."""
    high: float


class FewShotPoint(Band):
    """A method at a number of labelled images a class."""

    shots: int | None
    """None: all there are."""
    images: int
    """Labelled images in all."""
    over_zero_shot: MeanGain | None
    """None without a zero-shot classifier."""
    p_holm: float | None
    """Of ``over_zero_shot``, corrected for the points of the curve."""
    over_label_free: Mapping[str, MeanGain] = field(default_factory=dict)
    """Label-free case of the same weights to the gain over it, on the same images."""


class LabelsWorth(Record):
    """How many labels a method needs to be right as often as a label-free case."""

    case: str
    method: str
    """The learning curve that is read."""
    labels: float | None
    """Where the curve crosses; None when it does not within what was tried."""
    low: float | None
    """Below it labels do less, beyond what images and draws explain; None below the curve."""
    high: float | None
    """Above it they do more; None beyond all the labels that there are."""


class PairsPoint(Band):
    """A layer learnt from some of the pairs of photo and title."""

    pairs: int


class PairsCurve(Record):
    """What a case gains as titles grow in number, at the settings that it chose."""

    case: str
    points: tuple[PairsPoint, ...]


class LearningCurve(Record):
    """A method over growing supports."""

    method: str
    """"logistic", "gda", "text-probe" or "knn"."""
    points: tuple[FewShotPoint, ...]
    break_even: int | None
    """Fewest shots from which the method beats zero-shot, there and at every larger number
    tried, each by a corrected test; None when it never does.  When only all the images do,
    it is the size of the largest class's support."""


class FewShot(Record):
    """Learning curves on one model's embeddings."""

    model: str
    zero_shot_case: str | None
    zero_shot: Metric | None
    curves: tuple[LearningCurve, ...]
    seeds: tuple[int, ...]
    worth: tuple[LabelsWorth, ...] = ()
    """Of the label-free cases of the same weights."""


class Suspect(Record):
    """A photo that every model puts, with confidence, in another class than its label."""

    sample_id: str
    label: str
    predicted: Mapping[str, str]
    """Case id to the class it names."""
    consensus: str | None
    """What all name, when the label is likely wrong; None: several, the photo is ambiguous."""
    label_probability: float
    """Mean probability that the cases give to the label."""


class CleanedAccuracy(Record):
    """A case's accuracy with and without the suspects."""

    case: str
    everything: Metric
    without: Metric


class ClassVariety(Record):
    """How scattered the photos of a class are, beside how well it is recognised."""

    label: str
    variety: Metric
    """Mean pairwise cosine distance of its embeddings."""
    purity: float
    """Mean share of its photos' nearest neighbours that are of the same class."""
    recall: Metric | None


class EmbeddingAudit(Record):
    """What one model's embeddings say of the classes."""

    model: str
    neighbours: int
    """How many nearest neighbours were looked at."""
    overlap: tuple[tuple[float, ...], ...]
    """(C, C): row class's mean share of neighbours in the column class; rows sum to 1."""
    classes: tuple[ClassVariety, ...]
    variety_recall: float | None
    """Spearman's correlation between variety and recall over the classes; None when undefined."""
    variety_recall_p: float | None


class DataAudit(Record):
    """The labels and photos, as the models see them."""

    cases: tuple[str, ...]
    """That were asked; one a model."""
    suspects: tuple[Suspect, ...]
    accuracies: tuple[CleanedAccuracy, ...]
    embeddings: tuple[EmbeddingAudit, ...] = ()
    near_duplicates: tuple[tuple[str, ...], ...] = ()
    """Groups of ids of photos that are nearly the same."""


class Retrieval(Record):
    """Finding the title of a photo among all titles, or the photo of a title."""

    model: str
    direction: Literal["image-to-title", "title-to-image"]
    recall_at_1: Metric
    recall_at_5: Metric
    median_rank: Metric
    """1 is best."""
    candidates: int


class StudyComparison(OnSplit):
    """All that is concluded from a study's cases: what comparison.json holds."""

    inputs: Mapping[str, str]
    """Case id to the digest of its predictions: the comparison is current while they are."""
    fingerprint: str = ""
    """SHA-256 of all that the comparison rests on; "" in older artefacts."""
    comparison: CaseComparison | None
    """None with fewer than two cases."""
    repeats: Repeats | None = None
    """None where the study asks for no other draws."""
    findings: tuple[Finding, ...] = ()
    calibration: tuple[Calibration, ...] = ()
    abstention: tuple[Abstention, ...] = ()
    prompts: tuple[PromptDiagnosis, ...] = ()
    variance: tuple[VarianceSource, ...] = ()
    validation: Mapping[str, Metric] = field(default_factory=dict)
    """Case id to its accuracy on the validation photos, which chooses among cases."""
    control: Mapping[str, MeanGain] = field(default_factory=dict)
    """Case id to its gain over random words of the same length, over several seeds."""
    few_shot: tuple[FewShot, ...] = ()
    pairs: tuple[PairsCurve, ...] = ()
    """Of the cases that titles adapted."""
    audit: DataAudit | None = None
    retrieval: tuple[Retrieval, ...] = ()
    slices: tuple[SliceScore, ...] = ()
    """Of every case, where the study names columns."""
    people: HumanAgreement | None = None
    """Of the cases that are people; None without any."""
    history: tuple[KeptState, ...] = ()
    """The oldest first."""
