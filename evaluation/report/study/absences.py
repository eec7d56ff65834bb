"""Declared cases without a result to show, and why: told once, on the page of methods."""

from collections.abc import Mapping

from evaluation.records import RunRecord
from evaluation.report.kit.language import nt, t, word
from evaluation.report.study.here import Here


def absences(here: Here) -> list[Mapping[str, str]]:
    """The cases without a result; those of one model that have one reason are told together.

    ``href`` leads to the card of the model; what the record says, ``recorded``, is English.
    """
    view = here.view
    absent: list[Mapping[str, str]] = []
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    for case in view.unscored:
        groups.setdefault((view.model_of(case), *_lack(view.runs.get(case))), []).append(case)
    for (model, status, reason, recorded), cases in groups.items():
        title = view.case_name(cases[0])
        if len(cases) > 1:
            sets = nt(len(cases), "{n} jeu de textes", "{n} jeux de textes")
            title = t("{model}, {sets}", model=view.model_name(model), sets=sets)
        said = {"status": status, "reason": reason, "recorded": recorded}
        absent.append({"title": title, "href": here.model(model), **said})
    return absent


def _lack(run: RunRecord | None) -> tuple[str, str, str]:
    """Status, reason, and what the record says, of a case without a result."""
    if run is None:
        return t("pas encore évalué"), t("Aucun résultat n’est enregistré."), ""
    if run.status == "ok":
        reason = t("Le résultat enregistré porte sur d’autres photos ou un autre découpage.")
        return t("à refaire"), reason, ""
    reason = word("reasons", run.reason) if run.reason else ""
    return word("status", run.status), reason, run.error or ""
