"""Small real X-rays to send: the samples, reduced, as DX instances of studies of one's own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dicom_gateway.instance_store import data_set_sha256
from dicom_gateway.uids import derived_uid
from dicom_gateway.wrap import SourceLabels, wrap_image
from domain.errors import ConfigurationInvalid

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
#: Rows, columns: enough for the network, quick to send.
SIZE = (320, 256)


@dataclass(frozen=True, slots=True)
class Xray:
    """One instance to send."""

    path: Path
    study_instance_uid: str
    sop_instance_uid: str
    #: Of the data set, as the service computes it.
    sha256: str


@lru_cache
def pixels(truth: str = "pneumonia") -> NDArray[np.uint8]:
    """Give the first sample of that truth, (320, 256). Raises ConfigurationInvalid without samples."""
    try:
        listed = json.loads((SAMPLES / "samples.json").read_text())
    except OSError as error:
        raise ConfigurationInvalid(f"no sample X-rays in {SAMPLES}: run drills from a checkout") from error
    file = next(entry["file"] for entry in listed if entry["truth"] == truth)
    with Image.open(SAMPLES / file) as picture:
        return np.asarray(picture.convert("L").resize(SIZE[::-1], Image.Resampling.BOX))


def study_uid(name: str) -> str:
    """Give the Study Instance UID that a drill's study of this name has."""
    return derived_uid("drill study", name)


def write_image(folder: Path, study: str, number: int, variant: int = 0) -> Xray:
    """Write image `number` of a study; another `variant` has the same UIDs and other bytes."""
    uid = study_uid(study)
    sop_instance_uid = derived_uid("drill image", uid, str(number))
    labels = SourceLabels(
        patient_id=f"DRILL{variant}",
        patient_age="003Y",
        view_position="AP",
        study_date="20260102",
        study_time="101500",
        instance_number=number,
        study_instance_uid=uid,
        series_instance_uid=derived_uid("drill series", uid),
        sop_instance_uid=sop_instance_uid,
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{study}-{number}-{variant}.dcm"
    wrap_image(pixels(), labels).save_as(file, enforce_file_format=True)
    return Xray(file, uid, sop_instance_uid, data_set_sha256(file) or "")


def write_studies(folder: Path, names: Sequence[str], images: int) -> list[Xray]:
    """Write so many images of each study, study by study."""
    return [write_image(folder, name, number) for name in names for number in range(1, images + 1)]
