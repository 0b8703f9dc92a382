"""Real chest X-rays, made small, as DICOM files to send."""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dicom_gateway.wrap import SourceLabels, wrap_image

SAMPLES = Path(__file__).parents[2] / "samples"
_SMALL = (320, 256)
#: Words that stand nowhere else, so that a test can look for them where no patient data may be.
PATIENT_NAME, PATIENT_ID = "Quagga^Zebulon", "PID-7QX"


@lru_cache
def pixels(truth: str = "pneumonia") -> NDArray[np.uint8]:
    """Give the first sample of that truth, reduced to 320 x 256."""
    listed = json.loads((SAMPLES / "samples.json").read_text())
    file = next(entry["file"] for entry in listed if entry["truth"] == truth)
    with Image.open(SAMPLES / file) as picture:
        return np.asarray(picture.convert("L").resize(_SMALL[::-1], Image.Resampling.BOX))


def write_xray(
    folder: Path, study: int = 1, number: int = 1, truth: str = "pneumonia", view: str = "AP", age: str = "003Y"
) -> Path:
    """Write image `number` of a study as a DX instance."""
    study_uid = f"1.2.826.0.1.3680043.10.1.{study}"
    labels = SourceLabels(
        patient_id=PATIENT_ID,
        patient_name=PATIENT_NAME,
        patient_age=age,
        view_position=view,
        study_date="20260102",
        study_time="101500",
        instance_number=number,
        study_instance_uid=study_uid,
        series_instance_uid=f"{study_uid}.1",
        sop_instance_uid=f"{study_uid}.1.{number}",
    )
    file = folder / f"{study}-{number}.dcm"
    folder.mkdir(parents=True, exist_ok=True)
    wrap_image(pixels(truth), labels).save_as(file, enforce_file_format=True)
    return file
