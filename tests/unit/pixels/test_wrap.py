"""Pictures become instances that a validator accepts, and display as the picture that they were."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread, uid
from pydicom.encaps import get_frame

from dicom_gateway.display import image_from_file
from dicom_gateway.header import image_header, ordered_priority, read_header
from dicom_gateway.wrap import SourceLabels, StoredScale, wrap_image, wrap_jpeg, wrap_picture
from domain.errors import InstanceInvalid
from domain.study import refuse_by_header
from tests.phantoms import Pixels, chest, gradient, saved

DCIODVFY = Path(sys.executable).with_name("dciodvfy")
LABELS = SourceLabels(
    patient_id="P-1",
    patient_name="Ångström^Ada",
    patient_birth_date="20200102",
    patient_sex="F",
    patient_age="003Y",
    study_date="20230304",
    study_time="050607",
    accession_number="A-1",
    study_id="S-1",
    study_description="Thorax p.a.",
    requested_procedure_priority="STAT",
)
LOSSLESS = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.RLELossless,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
)
LOSSY = (uid.JPEGBaseline8Bit, uid.JPEGLSNearLossless, uid.JPEG2000)
PHANTOM = chest(256, 224)
VARIATIONS = [{"view_position": "LL"}, {"view_position": "AP"}, {"body_part": "HAND", "laterality": "L"}]


def complaints(path: Path) -> list[str]:
    """Give what dciodvfy calls errors."""
    run = subprocess.run([DCIODVFY, str(path)], capture_output=True, text=True, check=False)
    return [line for line in (run.stdout + run.stderr).splitlines() if "Error" in line]


def labelled(**changes: object) -> SourceLabels:
    """Give LABELS with changes."""
    values = {field: getattr(LABELS, field) for field in SourceLabels.__slots__}
    return SourceLabels(**(values | changes))


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_the_displayed_picture_is_the_same(tmp_path: Path, photometric: str, bits: int) -> None:
    """However many bits and whichever polarity, a ramp comes back to within half a stored level."""
    ds = wrap_image(gradient(), LABELS, StoredScale(photometric, bits))
    image = image_from_file(saved(ds, tmp_path / "image.dcm"))
    np.testing.assert_allclose(image.pixels, gradient(), atol=0.501 / ((1 << bits) - 1) + 1e-6)


@pytest.mark.parametrize(("slope", "intercept"), [(-1.0, 4095.0), (2.0, -1000.0), (-0.5, 0.0)])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_any_rescale(tmp_path: Path, photometric: str, slope: float, intercept: float) -> None:
    """A rescale, also a negative one, leaves the displayed picture as it is."""
    scale = StoredScale(photometric, 12, slope, intercept)
    image = image_from_file(saved(wrap_image(gradient(), labelled(modality="CR"), scale), tmp_path / "image.dcm"))
    np.testing.assert_allclose(image.pixels, gradient(), atol=0.001)


@pytest.mark.parametrize("syntax", [*LOSSLESS, uid.DeflatedExplicitVRLittleEndian, *LOSSY])
def test_every_encoder(tmp_path: Path, syntax: str) -> None:
    """Each transfer syntax is written as such and decodes to the phantom, within its loss."""
    path = saved(wrap_image(PHANTOM, LABELS, StoredScale(bits=8), syntax), tmp_path / "image.dcm")
    assert dcmread(path).file_meta.TransferSyntaxUID == syntax
    np.testing.assert_allclose(image_from_file(path).pixels, PHANTOM, atol=0.1 if syntax in LOSSY else 0.002)


@pytest.mark.parametrize("modality", ["DX", "CR"])
@pytest.mark.parametrize("syntax", [*LOSSLESS, *LOSSY])
def test_the_validator_is_content(tmp_path: Path, modality: str, syntax: str) -> None:
    """The validator dciodvfy finds no error in any transfer syntax that it can read."""
    ds = wrap_image(PHANTOM, labelled(modality=modality), StoredScale(bits=8), syntax)
    assert complaints(saved(ds, tmp_path / "image.dcm")) == []


@pytest.mark.parametrize("modality", ["DX", "CR"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("labels", VARIATIONS)
def test_the_validator_on_variations(tmp_path: Path, modality: str, photometric: str, labels: dict[str, str]) -> None:
    """The validator dciodvfy finds no error in other views, other body parts and the other polarity."""
    ds = wrap_image(PHANTOM, labelled(modality=modality, **labels), StoredScale(photometric))
    assert complaints(saved(ds, tmp_path / "image.dcm")) == []


def test_the_validator_without_labels(tmp_path: Path) -> None:
    """The validator dciodvfy finds no error when nothing is known of the patient and the study."""
    assert complaints(saved(wrap_image(PHANTOM), tmp_path / "image.dcm")) == []


def test_the_validator_can_complain(tmp_path: Path) -> None:
    """The validator dciodvfy does find an error when there is one."""
    ds = wrap_image(PHANTOM, LABELS)
    del ds.BurnedInAnnotation
    assert complaints(saved(ds, tmp_path / "image.dcm")) != []


def test_the_header_facts(tmp_path: Path) -> None:
    """The instance is a frontal chest that may be analysed, with the labels where they belong."""
    ds = read_header(saved(wrap_image(PHANTOM, LABELS), tmp_path / "image.dcm"))
    header = image_header(ds)
    assert refuse_by_header(header) is None
    assert (header.modality, header.body_part, header.view_position) == ("DX", "CHEST", "PA")
    assert (header.rows, header.columns, header.patient_age_years) == (256, 224, 3.0)
    assert ordered_priority(ds) == "STAT"
    assert ds.PatientName == "Ångström^Ada"


def test_bytes_are_stored_as_they_are() -> None:
    """Eight-bit pixels in eight bits stay the same numbers."""
    pixels = (gradient() * 255).astype(np.uint8)
    assert wrap_image(pixels, scale=StoredScale(bits=8)).PixelData == pixels.tobytes()


def test_uids_are_derived() -> None:
    """The same call makes the same UIDs; another picture is another instance of the same study and series."""
    first, again, other = (wrap_image(pixels, LABELS) for pixels in (PHANTOM, PHANTOM, gradient()))
    assert first == again
    assert first.SOPInstanceUID != other.SOPInstanceUID
    assert (first.StudyInstanceUID, first.SeriesInstanceUID) == (other.StudyInstanceUID, other.SeriesInstanceUID)


def test_pictures_without_labels_are_studies_of_their_own() -> None:
    """Two pictures of which nothing is known are not put into one study."""
    assert wrap_image(PHANTOM).StudyInstanceUID != wrap_image(gradient()).StudyInstanceUID


def test_patients_do_not_share_studies() -> None:
    """Two patients of the same day and hour have two studies."""
    one, other = (wrap_image(PHANTOM, labelled(patient_id=patient)) for patient in ("P-1", "P-2"))
    assert one.StudyInstanceUID != other.StudyInstanceUID


def test_given_uids_are_kept() -> None:
    """UIDs that the caller gives are used, in the file meta too."""
    ds = wrap_image(
        PHANTOM, SourceLabels(study_instance_uid="1.2", series_instance_uid="1.2.3", sop_instance_uid="1.2.3.4")
    )
    assert (ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID) == ("1.2", "1.2.3", "1.2.3.4")
    assert ds.file_meta.MediaStorageSOPInstanceUID == "1.2.3.4"


@pytest.mark.parametrize("syntax", [uid.JPEGLosslessSV1, uid.HTJ2K, uid.MPEG2MPML])
def test_no_encoder(syntax: str) -> None:
    """A transfer syntax without an encoder is refused by name."""
    with pytest.raises(ValueError, match=str(syntax)):
        wrap_image(PHANTOM, transfer_syntax_uid=syntax)


def test_jpeg_baseline_holds_eight_bits() -> None:
    """JPEG baseline of 12 bits is refused."""
    with pytest.raises(ValueError, match="8 bits"):
        wrap_image(PHANTOM, transfer_syntax_uid=uid.JPEGBaseline8Bit)


def picture(path: Path, image: Image.Image, **options: object) -> Path:
    """Save a picture file."""
    image.save(path, **options)
    return path


def grey(pixels: Pixels = PHANTOM) -> Image.Image:
    """Make an 8-bit grey picture."""
    return Image.fromarray(np.rint(pixels * 255).astype(np.uint8))


@pytest.mark.parametrize("modality", ["DX", "CR"])
def test_a_jpeg_goes_in_unchanged(tmp_path: Path, modality: str) -> None:
    """The frame of a wrapped JPEG is the file, byte for byte; the instance is valid and displays the same."""
    source = picture(tmp_path / "image.jpg", grey(), quality=92)
    ds = wrap_jpeg(source, labelled(modality=modality))
    path = saved(ds, tmp_path / "image.dcm")
    assert get_frame(dcmread(path).PixelData, 0, number_of_frames=1).rstrip(b"\0") == source.read_bytes()
    assert complaints(path) == []
    with Image.open(source) as decoded:
        np.testing.assert_allclose(image_from_file(path).pixels, np.asarray(decoded) / 255, atol=1e-6)


def test_a_negative_jpeg(tmp_path: Path) -> None:
    """A JPEG with inverted values wrapped as MONOCHROME1 displays bone bright."""
    ds = wrap_jpeg(picture(tmp_path / "image.jpg", grey(1 - gradient()), quality=98), LABELS, "MONOCHROME1")
    np.testing.assert_allclose(image_from_file(saved(ds, tmp_path / "image.dcm")).pixels, gradient(), atol=0.03)


@pytest.mark.parametrize("kind", ["colour", "progressive", "rotated", "png", "text", "cut"])
def test_pictures_that_cannot_go_in_unchanged(tmp_path: Path, kind: str) -> None:
    """What is not 8-bit grey baseline JPEG, upright and whole, is refused by wrap_jpeg."""
    path = tmp_path / "image.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    images = {
        "colour": lambda: grey().convert("RGB").save(path),
        "progressive": lambda: grey().save(path, progressive=True),
        "rotated": lambda: grey().save(path, exif=exif),
        "png": lambda: grey().save(path, "PNG"),
        "text": lambda: path.write_bytes(b"no picture"),
        "cut": lambda: path.write_bytes(picture(path, grey()).read_bytes()[:-100]),
    }
    images[kind]()
    with pytest.raises(InstanceInvalid):
        wrap_jpeg(path)


@pytest.mark.parametrize(
    ("name", "mode", "tolerance"), [("a.png", "L", 0.002), ("a.png", "RGB", 0.005), ("a.jpg", "RGB", 0.2)]
)
def test_pictures_of_other_kinds(tmp_path: Path, name: str, mode: str, tolerance: float) -> None:
    """PNG and colour JPEG are decoded to grey and wrapped."""
    ds = wrap_picture(picture(tmp_path / name, grey().convert(mode)), LABELS)
    path = saved(ds, tmp_path / "image.dcm")
    assert complaints(path) == []
    np.testing.assert_allclose(image_from_file(path).pixels, PHANTOM, atol=tolerance)


def test_a_png_of_16_bits(tmp_path: Path) -> None:
    """A 16-bit PNG keeps its depth."""
    values = np.rint(PHANTOM * 65535).astype(np.uint16)
    source = picture(tmp_path / "a.png", Image.fromarray(values))
    ds = wrap_picture(source, LABELS)
    assert ds.BitsStored == 16
    assert np.frombuffer(ds.PixelData, "<u2").tolist() == values.ravel().tolist()


def test_a_grey_jpeg_goes_in_unchanged_as_a_picture(tmp_path: Path) -> None:
    """wrap_picture encapsulates where it can."""
    ds = wrap_picture(picture(tmp_path / "a.jpg", grey()), LABELS)
    assert ds.file_meta.TransferSyntaxUID == uid.JPEGBaseline8Bit


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xd9"])
def test_what_is_no_picture(tmp_path: Path, content: bytes) -> None:
    """A file that is no picture is refused."""
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(InstanceInvalid):
        wrap_picture(path)


def test_a_cut_picture(tmp_path: Path) -> None:
    """A picture file that ends too early is refused, not filled up."""
    buffer = io.BytesIO()
    grey().save(buffer, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with pytest.raises(InstanceInvalid):
        wrap_picture(path)
