"""What was left out of the data, and what is doubtful in it: a sentence a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evaluation.records import DataNote, NoteKind, StudyRecord
from evaluation.report.kit.language import nt, t


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A sentence, and some of the files or classes that it is about."""

    sentence: str
    names: tuple[str, ...] = ()


def remarks(study: StudyRecord) -> tuple[Remark, ...]:
    """What a reader of the results should know of the data, in the order of the record."""
    parts: list[Remark] = []
    if "test" in study.carved:
        parts.append(
            Remark(
                sentence=t(
                    "Les données ne donnent pas de photos de test : elles "
                    "ont été tirées parmi celles d’apprentissage."
                )
            )
        )
    if "declared" in study.grouping:
        parts.append(
            Remark(
                sentence=t(
                    "Les photos d’un même groupe déclaré restent dans la même "
                    "partie et comptent pour une seule dans les tests."
                )
            )
        )
    noted = (Remark(sentence=_SENTENCES[note.kind](note), names=note.names) for note in study.notes)
    return (*parts, *noted)


_SENTENCES: dict[NoteKind, Callable[[DataNote], str]] = {
    "hidden": lambda note: nt(
        note.count,
        "{n} fichier caché est laissé de côté.",
        "{n} fichiers cachés sont laissés de côté.",
    ),
    "system": lambda note: nt(
        note.count,
        "{n} fichier du système est laissé de côté.",
        "{n} fichiers du système sont laissés de côté.",
    ),
    "suffix": lambda note: nt(
        note.count,
        "{n} fichier en {suffix} est laissé de côté : ce n’est pas une photo connue.",
        "{n} fichiers en {suffix} sont laissés de côté : ce ne sont pas des photos connues.",
        suffix=note.what,
    ),
    "not-a-photo": lambda note: nt(
        note.count,
        "{n} fichier sans extension n’est pas une photo.",
        "{n} fichiers sans extension ne sont pas des photos.",
    ),
    "loose": lambda note: nt(
        note.count,
        "{n} photo hors des dossiers de catégorie est laissée de côté.",
        "{n} photos hors des dossiers de catégorie sont laissées de côté.",
    ),
    "folder-link": lambda note: nt(
        note.count,
        "{n} lien vers un dossier n’est pas suivi.",
        "{n} liens vers des dossiers ne sont pas suivis.",
    ),
    "no-photo-inside": lambda note: nt(
        note.count,
        "{n} dossier ne contient aucune photo.",
        "{n} dossiers ne contiennent aucune photo.",
    ),
    "unlabelled": lambda note: nt(
        note.count,
        "{n} photo sans catégorie est laissée de côté.",
        "{n} photos sans catégorie sont laissées de côté.",
    ),
    "name": lambda note: nt(
        note.count,
        "{n} fichier est laissé de côté : son nom ne peut pas être écrit.",
        "{n} fichiers sont laissés de côté : leurs noms ne peuvent pas être écrits.",
    ),
    "labels-alike": lambda note: nt(
        note.count,
        "{n} catégorie ne diffère d’une autre que par la casse, les espaces ou la ponctuation.",
        "{n} catégories ne diffèrent que par la casse, les espaces "
        "ou la ponctuation : n’en font-elles qu’une ?",
    ),
    "small-class": lambda note: nt(
        note.count,
        "{n} catégorie est laissée de côté : elle a trop peu de photos.",
        "{n} catégories sont laissées de côté : elles ont trop peu de photos.",
    ),
    "split-column": lambda note: t(
        "La colonne « {column} » ressemble à un découpage et n’est pas utilisée.", column=note.what
    ),
    "encoding": lambda note: t(
        "Le tableau n’est pas en UTF-8 et a été lu en {encoding} : "
        "l’orthographe de quelques mots est à vérifier.",
        encoding=note.what,
    ),
    "depth": lambda note: nt(
        note.count,
        "{n} photo de 16 bits n’en utilise que 12 et ne le "
        "déclare pas : elle paraît presque noire.",
        "{n} photos de 16 bits n’en utilisent que 12 et ne le "
        "déclarent pas : elles paraissent presque noires.",
    ),
    "pale": lambda note: nt(
        note.count,
        "{n} photo presque blanche sur fond transparent est posée sur du gris.",
        "{n} photos presque blanches sur fond transparent sont posées sur du gris.",
    ),
}
