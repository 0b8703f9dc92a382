"""Which part of the body, and from which side: read from wherever modalities put it.

Projections: PS3.16 CID 4010 (DX View); regions: PS3.16 CID 4031 (Common Anatomic Region).
"""

import re

from pydicom.dataset import Dataset

from dicom_gateway.source_items import read_items, read_text, read_texts

#: View codes, in SNOMED CT and in the older SRT, with the short word for each.
_VIEW_CODES = {
    "399348003": "AP",
    "R-10206": "AP",
    "272479007": "PA",
    "R-10214": "PA",
    "R-40888": "PA",
    "399173006": "LL",
    "R-10236": "LL",
    "399198007": "RL",
    "R-10232": "RL",
    "399067008": "LATERAL",
    "R-102CD": "LATERAL",
}
#: What is written in words, letters only.
_VIEW_WORDS = {"POSTEROANTERIOR": "PA", "POSTERIORANTERIOR": "PA", "ANTEROPOSTERIOR": "AP", "ANTERIORPOSTERIOR": "AP"}
#: Values of View Position that some modalities write into Patient Position, where only HFS and its like belong.
_VIEWS = frozenset({"AP", "PA", "LL", "RL", "LAT", "LATERAL", "LLD", "RLD", "LLO", "RLO", "RAO", "LAO", "RPO", "LPO"})
#: Chest, thorax (two codes), thoracic cavity, lung; and the same in SRT.
_CHEST_CODES = frozenset({"51185008", "816094009", "43799004", "39607008", "T-D3000", "T-D3200", "T-28000"})
#: The rows of a lateral run from anterior to posterior or back, those of a frontal view from side to side.
_LATERAL_ROWS = re.compile(r"[AP]")
_UPRIGHT_COLUMNS = re.compile(r"[HF]")


def body_part(ds: Dataset) -> str:
    """Give Body Part Examined and the anatomic regions, joined by spaces; "" when nothing is said.

    A region whose meaning is not in English still counts by its code.
    """
    words = list(read_texts(ds, "BodyPartExamined"))
    for item in read_items(ds, "AnatomicRegionSequence"):
        words.append(read_text(item, "CodeMeaning"))
        if read_text(item, "CodeValue") in _CHEST_CODES:
            words.append("CHEST")
    return " ".join(dict.fromkeys(word for word in words if word))


def view_position(ds: Dataset) -> str:
    """Give the projection: AP, PA, another View Position or the view code's meaning; "" when nothing says.

    In this order: View Position (0018,5101), View Code Sequence (0054,0220), Patient Position (0018,5100) when it
    wrongly holds a view, Patient Orientation (0020,0020) when its rows can only be those of a lateral.
    """
    stated = _short(read_text(ds, "ViewPosition"))
    if stated:
        return stated
    for item in read_items(ds, "ViewCodeSequence"):
        coded = _VIEW_CODES.get(read_text(item, "CodeValue")) or _short(read_text(item, "CodeMeaning"))
        if coded:
            return coded
    misplaced = _short(read_text(ds, "PatientPosition"))
    return misplaced if misplaced in _VIEWS else _view_by_orientation(ds)


def _short(view: str) -> str:
    return _VIEW_WORDS.get(re.sub("[^A-Z]", "", view), view)


def _view_by_orientation(ds: Dataset) -> str:
    """Patient Orientation, PS3.3 C.7.6.1.1.1: the directions of rows and columns."""
    directions = read_texts(ds, "PatientOrientation")
    is_lateral = (
        len(directions) == len(("row", "column"))
        and _LATERAL_ROWS.fullmatch(directions[0])
        and _UPRIGHT_COLUMNS.fullmatch(directions[1])
    )
    return "LATERAL" if is_lateral else ""
