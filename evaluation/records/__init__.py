"""The values that cross from one room of the house to another: frozen, and nothing else.

Arrays are NumPy arrays and are never written to after construction.  N is a number of
images, C of classes, D the dimension of an embedding.  A module may use those above it:

``base``, ``kinds``, ``methods``, ``data``, ``answers``, ``training``, ``study``, ``models``,
``scores``, ``strays``, ``slices``, ``people``, ``history``, ``runs``, ``reference``, ``analysis``,
``explanations``, ``projection``, ``results``.
What is imported here is what the other rooms use.
"""

from evaluation.records.analysis import (
    Abstention,
    Automation,
    Calibration,
    CalibrationScores,
    CaseComparison,
    ClassGain,
    ClassVariety,
    CleanedAccuracy,
    DataAudit,
    EmbeddingAudit,
    FewShot,
    FewShotPoint,
    Finding,
    FindingTopic,
    LabelsWorth,
    LearningCurve,
    MeanGain,
    PairedTest,
    PairsCurve,
    PairsPoint,
    Power,
    PromptChoice,
    PromptDiagnosis,
    PromptGain,
    RankedCase,
    ReliabilityBin,
    Retrieval,
    RiskPoint,
    StudyComparison,
    Suspect,
    TextEffect,
    TextPair,
    VarianceSource,
    Verdict,
)
from evaluation.records.answers import Answer, FolderAnswers
from evaluation.records.base import (
    FOLDS,
    OLDEST_READ,
    SCHEMA_VERSION,
    BoolArray,
    DatasetKind,
    FloatArray,
    Fold,
    IntArray,
    Option,
    Reading,
    Source,
    Status,
    digest_of,
    message,
)
from evaluation.records.data import (
    DataNote,
    Dataset,
    Grouping,
    MissingPhoto,
    NoteKind,
    Sample,
    Split,
)
from evaluation.records.explanations import (
    CaseExplanation,
    ClassMap,
    ClassSuggestion,
    ExplainedPhoto,
    ExplainFailure,
    Faithfulness,
    MapSummary,
    MethodCard,
    Randomisation,
    SelectedPhoto,
    SelectionReason,
    SelectionRule,
    Suggestion,
    UncoveredSubcategory,
    ValidationConfusion,
)
from evaluation.records.history import CaseChange, Drift, KeptState
from evaluation.records.kinds import FAMILIES, KINDS, Family, Kind, ModelKind, Sign
from evaluation.records.labelfree import Adaptation, Agreement, LayerSetting
from evaluation.records.methods import EXPLAIN_METHODS, REFERENCE_METHOD, ExplainMethod, MethodWords
from evaluation.records.models import Availability, Fetched, Head, Licence, ModelCard, Support
from evaluation.records.people import HumanAgreement, PairKappa
from evaluation.records.projection import Point, Projection
from evaluation.records.provisional import Flip, Provisional, ProvisionalCase
from evaluation.records.reference import Reference, ReferenceScores, ReferenceSystem
from evaluation.records.repeats import RepeatedPair, RepeatedScores, Repeats
from evaluation.records.results import SampleCard, StudyRecord, StudyResults
from evaluation.records.runs import EmbeddingCost, Lap, Provenance, RunRecord, Scope, Timings
from evaluation.records.scores import ClassScores, Metric, Predictions
from evaluation.records.slices import SliceScore
from evaluation.records.strays import StrayAnswer, StrayCard, StrayResults, StrayScore, StrayTest
from evaluation.records.study import (
    DEPTH,
    AnswerSpec,
    Case,
    DatasetSpec,
    ExplainSpec,
    ModelSpec,
    NearDuplicates,
    PromptSet,
    SmallClasses,
    SplitSpec,
    Study,
    Threshold,
)
from evaluation.records.training import (
    AugmentationSpec,
    Regime,
    TrainingEpoch,
    TrainingPhotos,
    TrainingRecord,
    TrainingSpec,
)
