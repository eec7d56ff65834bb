"""A study opened for a test, with the engine that runs it: the two go together in every test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.records import Case, CaseExplanation, ExplainSpec, RunRecord
from evaluation.stages.engine import Engine
from evaluation.stages.explain import explain
from evaluation.stages.open import StudyData, open_study
from evaluation.stages.score import score
from evaluation.stages.settings import Advance, Settings
from evaluation.study.config import load_study


@dataclass
class Opened:
    data: StudyData
    engine: Engine

    @property
    def root(self) -> Path:
        """The artefacts."""
        return self.engine.settings.artefacts

    def score(self, case: Case | str) -> RunRecord:
        """A case scored, whatever its status."""
        return score(
            self.data.case(case) if isinstance(case, str) else case, self.data, self.engine
        )

    def score_all(self) -> Opened:
        for case in self.data.study.cases():
            assert self.score(case).status == "ok"
        return self

    def explain(self, case: Case, spec: ExplainSpec) -> CaseExplanation:
        return explain(case, self.data, self.engine, spec)

    def model(self):  # noqa: ANN201 - a Classifier, whose import takes torch
        """The study's first model, loaded."""
        return self.engine.model(self.data.study.models[0], self.data)

    def watch(self, progress: Advance) -> None:
        self.engine.settings = replace(self.engine.settings, progress=progress)


def opened_study(study: Path, settings: Settings) -> Opened:
    """As a process of its own would find it."""
    return Opened(open_study(load_study(str(study)), settings), Engine(settings))
