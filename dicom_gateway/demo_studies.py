"""The demo's studies: twelve real chest X-rays as hospitals send them, and what must not be scored.

The pixels are real (samples/ATTRIBUTION.md); headers are made up, and so is which view an X-ray is labelled as.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread, uid
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate, get_frame

from dicom_gateway.uids import derived_uid
from dicom_gateway.wrap import SourceLabels, StoredScale, wrap_image, wrap_jpeg
from domain.errors import ConfigurationInvalid
from domain.finding import RefusalCode


@dataclass(frozen=True, slots=True)
class DemoStudy:
    """One study to send."""

    label: str
    #: Modality, photometric interpretation, bits stored and transfer syntax of the first image.
    sent_as: str
    #: "normal", "pneumonia", or "-" where there is nothing to be right about.
    truth: str
    study_instance_uid: str
    files: tuple[Path, ...]
    #: Why it must not be scored; None when it must be.
    expected_refusal: RefusalCode | None = None


class _Kind(NamedTuple):
    """How one X-ray is encoded."""

    modality: str
    photometric: str
    bits: int
    transfer_syntax_uid: str


_KINDS = (
    _Kind("DX", "MONOCHROME2", 12, uid.ExplicitVRLittleEndian),
    _Kind("CR", "MONOCHROME1", 12, uid.ImplicitVRLittleEndian),
    _Kind("CR", "MONOCHROME2", 8, uid.JPEGBaseline8Bit),
    _Kind("DX", "MONOCHROME1", 12, uid.RLELossless),
    _Kind("DX", "MONOCHROME2", 12, uid.JPEGLSLossless),
    _Kind("CR", "MONOCHROME1", 8, uid.JPEG2000Lossless),
)
_SYNTAX_WORDS = {
    uid.ExplicitVRLittleEndian: "explicit VR",
    uid.ImplicitVRLittleEndian: "implicit VR",
    uid.JPEGBaseline8Bit: "JPEG baseline",
    uid.RLELossless: "RLE",
    uid.JPEGLSLossless: "JPEG-LS",
    uid.JPEG2000Lossless: "JPEG 2000",
}
_AP_VIEW, _LATERAL_VIEW = "AP", "LL"
#: Rows and columns of the image that is no chest.
_OTHER_SIDE = 512


class _Sample(NamedTuple):
    """One X-ray of the samples folder."""

    path: Path
    truth: str


def make_demo_studies(samples: Path, folder: Path, seed: str) -> list[DemoStudy]:
    """Write the studies below `folder`; `seed` makes their UIDs, so that two demos do not send the same studies.

    Eleven X-rays are to be scored, one of them beside a raw image for processing; the twelfth is labelled lateral, and
    there is an image that is no chest, and a damaged one. Raises ConfigurationInvalid without samples.
    """
    xrays = _read_samples(samples)
    writer = _Writer(folder, seed)
    studies = [
        writer.write(f"{number:02}", sample.truth, [_wrap(sample.path, kind)])
        for number, (sample, kind) in enumerate(_with_kinds(xrays[:-2]), start=1)
    ]
    two, lateral, damaged = xrays[-2], xrays[-1], xrays[0]
    studies += [
        writer.write("11 two images", two.truth, [_wrap(two.path, _KINDS[0]), _for_processing(two.path)]),
        writer.write("12 lateral", "-", [_wrap(lateral.path, _KINDS[4], _LATERAL_VIEW)], RefusalCode.NOT_FRONTAL),
        writer.write("13 not a chest", "-", [_other_anatomy()], RefusalCode.NOT_CHEST),
        writer.write("14 damaged", "-", [_damaged(damaged.path)], RefusalCode.UNDECODABLE),
    ]
    return studies


class _Writer:
    """Gives each study its patient and UIDs, and writes its files."""

    def __init__(self, folder: Path, seed: str) -> None:
        self._folder = folder
        self._seed = seed
        folder.mkdir(parents=True, exist_ok=True)

    def write(
        self, label: str, truth: str, images: Sequence[FileDataset], refusal: RefusalCode | None = None
    ) -> DemoStudy:
        study_uid = derived_uid("demo study", self._seed, label)
        files = []
        for number, ds in enumerate(images, start=1):
            ds.PatientID, ds.PatientName = f"DEMO{label[:2]}", f"Demo^Patient {label[:2]}"
            ds.StudyInstanceUID = study_uid
            ds.SeriesInstanceUID = derived_uid("demo series", study_uid)
            ds.SOPInstanceUID = derived_uid("demo image", study_uid, str(number))
            ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
            ds.InstanceNumber = number
            files.append(self._folder / f"{label[:2]}-{number}.dcm")
            ds.save_as(files[-1], enforce_file_format=True)
        return DemoStudy(label, _sent_as(images[0]), truth, study_uid, tuple(files), refusal)


def _sent_as(ds: FileDataset) -> str:
    syntax = _SYNTAX_WORDS[ds.file_meta.TransferSyntaxUID]
    return f"{ds.Modality} {ds.PhotometricInterpretation} {ds.BitsStored} bit, {syntax}"


def _read_samples(samples: Path) -> list[_Sample]:
    """List the sample X-rays, normal and pneumonia by turns."""
    try:
        listed = json.loads((samples / "samples.json").read_text())
    except OSError as error:
        raise ConfigurationInvalid(f"no sample X-rays in {samples}: run the demo from a checkout") from error
    by_truth = {
        truth: [_Sample(samples / entry["file"], truth) for entry in listed if entry["truth"] == truth]
        for truth in ("normal", "pneumonia")
    }
    return [sample for pair in zip(by_truth["normal"], by_truth["pneumonia"], strict=True) for sample in pair]


def _with_kinds(xrays: Sequence[_Sample]) -> Iterator[tuple[_Sample, _Kind]]:
    # A pair shares its kind, so that no kind goes with one truth only.
    return ((sample, _KINDS[number // 2 % len(_KINDS)]) for number, sample in enumerate(xrays))


def _labels(modality: str, view: str = _AP_VIEW, body_part: str = "CHEST") -> SourceLabels:
    return SourceLabels(
        modality=modality,
        patient_age="003Y",
        patient_sex="O",
        body_part=body_part,
        view_position=view,
        study_date="20260102",
        study_time="101500",
        study_id="1",
        study_description="Demo",
    )


def _wrap(path: Path, kind: _Kind, view: str = _AP_VIEW) -> FileDataset:
    labels = _labels(kind.modality, view)
    if kind.transfer_syntax_uid == uid.JPEGBaseline8Bit:
        return wrap_jpeg(path, labels)
    return wrap_image(_grey(path), labels, StoredScale(kind.photometric, kind.bits), kind.transfer_syntax_uid)


def _grey(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"), dtype=np.uint8)


def _for_processing(path: Path) -> FileDataset:
    """Make the raw image that a detector sends beside the one for presentation."""
    ds = wrap_image(_grey(path), replace(_labels("DX"), instance_number=2))
    ds.SOPClassUID = uid.DigitalXRayImageStorageForProcessing
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.PresentationIntentType = "FOR PROCESSING"
    return ds


def _other_anatomy() -> FileDataset:
    """Make a projection image's header around the CT slice that comes with pydicom."""
    slice_ = dcmread(str(get_testdata_file("CT_small.dcm"))).pixel_array.astype(np.float32)
    grey = (slice_ - slice_.min()) / np.ptp(slice_)
    large = Image.fromarray(grey).resize((_OTHER_SIDE, _OTHER_SIDE), Image.Resampling.BICUBIC)
    return wrap_image(np.asarray(large), _labels("DX", body_part="ABDOMEN"))


def _damaged(path: Path) -> FileDataset:
    """Cut a compressed frame in half, in a file that is otherwise whole."""
    ds = _wrap(path, _KINDS[5])
    frame = get_frame(ds.PixelData, 0, number_of_frames=1)
    half = frame[: len(frame) // 2]
    ds.PixelData = encapsulate([half + bytes(len(half) % 2)])
    return ds
