"""The explanation methods, as studies ask for them and pages name them: the only list of both.

``evaluation.explain.methods`` has a row for each, with what runs it.  Texts are French: the
messages of the report.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from evaluation.records.base import message

ExplainMethod = Literal["attention-gradient", "chefer", "hirescam", "gradcam", "rise"]

REFERENCE_METHOD: ExplainMethod = "rise"
"""The one that needs nothing of a model but its answers, so that models can be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodWords:
    """What a reader is told of a method."""

    name: str
    about: str
    source: str
    address: str
    """Of the source."""


_CHEFER = message("Chefer, Gur et Wolf, ICCV 2021 (arXiv:2103.15679)")

EXPLAIN_METHODS: Mapping[ExplainMethod, MethodWords] = {
    "attention-gradient": MethodWords(
        name=message("Attention × gradient"),
        about=message(
            "Dans la dernière attention avant le vecteur de la photo, chaque regard est pesé par "
            "l’effet qu’il a sur le score ; la somme garde son signe. Pour les modèles à "
            "attention (ViT)."
        ),
        source=_CHEFER,
        address="https://arxiv.org/abs/2103.15679",
    ),
    "chefer": MethodWords(
        name=message("Pertinence de Chefer"),
        about=message(
            "Dans chaque couche d’attention, les regards sont pesés par l’effet qu’ils ont sur le "
            "score, et ces effets sont suivis d’une couche à l’autre jusqu’à la photo. Pour les "
            "modèles à attention (ViT)."
        ),
        source=_CHEFER,
        address="https://arxiv.org/abs/2103.15679",
    ),
    "hirescam": MethodWords(
        name="HiResCAM",
        about=message(
            "Sur la dernière carte de traits d’un réseau de convolution, chaque trait est pesé "
            "par l’effet qu’il a, à cet endroit, sur le score."
        ),
        source=message("Draelos et Carin, 2020 (arXiv:2011.08891)"),
        address="https://arxiv.org/abs/2011.08891",
    ),
    "gradcam": MethodWords(
        name="Grad-CAM",
        about=message(
            "Sur la dernière carte de traits d’un réseau de convolution, chaque trait est pesé "
            "par l’effet qu’il a, en moyenne sur toute la photo, sur le score."
        ),
        source="Selvaraju et al., ICCV 2017 (arXiv:1610.02391)",
        address="https://arxiv.org/abs/1610.02391",
    ),
    "rise": MethodWords(
        name="RISE",
        about=message(
            "Des masques tirés au sort cachent chacun la moitié de la photo ; on compare le "
            "score à ce qui restait visible. Rien n’est lu à l’intérieur du modèle : c’est la "
            "seule méthode qui compare deux modèles de familles différentes."
        ),
        source=message("Petsiuk, Das et Saenko, BMVC 2018 (arXiv:1806.07421)"),
        address="https://arxiv.org/abs/1806.07421",
    ),
}
