"""Headers as modalities write them, to the facts that the choice of image needs."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread, uid
from pydicom.data import get_testdata_file
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from dicom_gateway.decode import pixel_module
from dicom_gateway.display import to_display
from dicom_gateway.header import image_header, ordered_priority, read_header, read_instance
from domain.errors import InstanceInvalid, NotAnalysable, StoreUnavailable
from domain.finding import RefusalCode
from domain.study import ImageHeader
from tests.phantoms import dataset, saved, waves


def item(**attributes: object) -> Dataset:
    """Make a sequence item."""
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def raw(ds: Dataset, keyword: str, vr: str, value: bytes) -> None:
    """Put bytes into an element as if they had been read from a file, whatever the dictionary says of it."""
    tag = Tag(keyword)
    ds[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)


def test_every_field_of_the_image_header() -> None:
    """A complete header gives each field, stripped and upper-cased."""
    ds = dataset(
        waves(12),
        BodyPartExamined="chest ",
        ViewPosition="pa",
        StudyDescription="Thorax p.a.",
        SeriesDescription="erect",
        ProtocolName="W033",
        PresentationIntentType="FOR PRESENTATION",
        ImageType=["ORIGINAL", "PRIMARY", ""],
        SeriesNumber=3,
        InstanceNumber=7,
        PatientAge="004Y",
    )
    assert image_header(ds) == ImageHeader(
        sop_instance_uid="2.25.1",
        sop_class_uid=uid.DigitalXRayImageStorageForPresentation,
        transfer_syntax_uid=uid.ExplicitVRLittleEndian,
        modality="DX",
        body_part="CHEST",
        view_position="PA",
        description="THORAX P.A. ERECT W033",
        presentation_intent="FOR PRESENTATION",
        image_type=("ORIGINAL", "PRIMARY"),
        photometric_interpretation="MONOCHROME2",
        samples_per_pixel=1,
        number_of_frames=1,
        rows=128,
        columns=144,
        series_number=3,
        instance_number=7,
        is_own_output=False,
        has_pixels=True,
        patient_age_years=4.0,
    )


def test_an_empty_header() -> None:
    """A data set without any element gives empty texts, one frame, one sample, no size and no age."""
    header = image_header(Dataset())
    assert (header.sop_instance_uid, header.modality, header.body_part, header.view_position) == ("", "", "", "")
    assert (header.samples_per_pixel, header.number_of_frames, header.rows, header.columns) == (1, 1, 0, 0)
    assert (header.patient_age_years, header.has_pixels, header.is_own_output) == (None, False, False)


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        ("US", b"\x00\x08", 2048),
        ("LO", b"2048 ", 2048),
        ("DS", b"2048.0", 2048),
        ("IS", b" 2048", 2048),
        ("US", b"\x00\x08\x01\x00", 2048),
        ("IS", b"2048\\17 ", 2048),
        ("IS", b"", 0),
        ("IS", b"many", 0),
        ("US", b"\x01", 0),
        ("DS", b"inf ", 0),
        ("DS", b"1e999 ", 0),
    ],
)
def test_numbers_in_odd_encodings(vr: str, value: bytes, expected: int) -> None:
    """A number is read from text, from the first of several values, and from nothing that is not finite."""
    ds = Dataset()
    raw(ds, "Rows", vr, value)
    assert image_header(ds).rows == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"BodyPartExamined": "thorax"}, "THORAX"),
        ({"AnatomicRegionSequence": [item(CodeValue="816094009", CodeMeaning="Chest")]}, "CHEST"),
        ({"AnatomicRegionSequence": [item(CodeValue="T-D3000", CodeMeaning="Brustkorb")]}, "BRUSTKORB CHEST"),
        ({"BodyPartExamined": "HAND", "AnatomicRegionSequence": [item(CodeMeaning="Hand")]}, "HAND"),
        ({"BodyPartExamined": "", "AnatomicRegionSequence": []}, ""),
        ({"BodyPartExamined": ["CHEST", "ABDOMEN"]}, "CHEST ABDOMEN"),
    ],
)
def test_body_part(attributes: dict[str, object], expected: str) -> None:
    """The body part comes from its element and from the coded regions, each once."""
    assert image_header(item(**attributes)).body_part == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"ViewPosition": "AP"}, "AP"),
        ({"ViewPosition": "postero-anterior"}, "PA"),
        ({"ViewPosition": "LATERAL"}, "LATERAL"),
        ({"ViewPosition": "", "ViewCodeSequence": [item(CodeValue="272479007", CodeMeaning="p.-a.")]}, "PA"),
        ({"ViewCodeSequence": [item(CodeValue="R-10236", CodeMeaning="left lateral")]}, "LL"),
        ({"ViewCodeSequence": [item(CodeValue="x", CodeMeaning="Antero-Posterior")]}, "AP"),
        ({"ViewCodeSequence": [item(CodeValue="x", CodeMeaning="left anterior oblique")]}, "LEFT ANTERIOR OBLIQUE"),
        ({"PatientPosition": "LL"}, "LL"),
        ({"PatientPosition": "HFS"}, ""),
        ({"ViewPosition": "PA", "PatientPosition": "LL"}, "PA"),
        ({"PatientOrientation": ["A", "F"]}, "LATERAL"),
        ({"PatientOrientation": ["L", "F"]}, ""),
        ({"PatientOrientation": ["AL", "F"]}, ""),
        ({"ViewPosition": "AP", "PatientOrientation": ["A", "F"]}, "AP"),
        ({}, ""),
    ],
)
def test_view_position(attributes: dict[str, object], expected: str) -> None:
    """The projection is read from the first of four places that names one."""
    assert image_header(item(**attributes)).view_position == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"PatientAge": "003Y"}, 3.0),
        ({"PatientAge": "018M"}, 1.5),
        ({"PatientAge": "012W"}, 12 * 7 / 365.25),
        ({"PatientAge": "100D"}, 100 / 365.25),
        ({"PatientAge": "3y"}, 3.0),
        ({"PatientAge": "003"}, None),
        ({"PatientAge": "000Y"}, 0.0),
        ({"PatientAge": "999Y"}, None),
        ({"PatientBirthDate": "20200101", "StudyDate": "20230101"}, 1096 / 365.25),
        ({"PatientBirthDate": "2020.01.01", "StudyDate": "", "AcquisitionDate": "20210101"}, 366 / 365.25),
        ({"PatientAge": "old", "PatientBirthDate": "20200101", "StudyDate": "20210101"}, 366 / 365.25),
        ({"PatientBirthDate": "20200101"}, None),
        ({"PatientBirthDate": "20209999", "StudyDate": "20230101"}, None),
        ({"PatientBirthDate": "20240101", "StudyDate": "20230101"}, None),
        ({}, None),
    ],
)
def test_patient_age(attributes: dict[str, str], expected: float | None) -> None:
    """The age comes from its element with a unit, else from two dates, and is never a guess."""
    ds = Dataset()
    for keyword, text in attributes.items():
        raw(ds, keyword, "AS" if keyword == "PatientAge" else "DA", text.encode())
    assert image_header(ds).patient_age_years == pytest.approx(expected)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"ManufacturerModelName": "cxr-triage"}, True),
        ({"ManufacturerModelName": " CXR-Triage"}, True),
        ({"ManufacturerModelName": "cxr-triage 2000 detector"}, False),
        ({"ContributingEquipmentSequence": [item(ManufacturerModelName="cxr-triage")]}, True),
        ({"Manufacturer": "cxr-triage"}, False),
    ],
)
def test_own_output(attributes: dict[str, object], expected: bool) -> None:
    """What this service made is known by its model name alone, at the top or as contributing equipment."""
    assert image_header(item(**attributes)).is_own_output is expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"RequestedProcedurePriority": "stat"}, "STAT"),
        ({"RequestAttributesSequence": [item(RequestedProcedurePriority="HIGH")]}, "HIGH"),
        (
            {
                "RequestedProcedurePriority": "ROUTINE",
                "RequestAttributesSequence": [item(RequestedProcedurePriority="STAT")],
            },
            "STAT",
        ),
        ({"RequestedProcedurePriority": "SOON"}, "SOON"),
        ({"RequestedProcedurePriority": ""}, ""),
        ({}, ""),
    ],
)
def test_ordered_priority(attributes: dict[str, object], expected: str) -> None:
    """The most urgent priority that any request states is the ordered one."""
    assert ordered_priority(item(**attributes)) == expected


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian])
@pytest.mark.parametrize("has_pixels", [True, False])
def test_reading_stops_before_the_pixels(tmp_path: Path, syntax: str, has_pixels: bool) -> None:
    """A header says whether pixels follow without holding them."""
    ds = dataset(waves(12), TransferSyntaxUID=syntax, PixelData=None if not has_pixels else b"\1\2" * 128 * 144)
    header = read_header(saved(ds, tmp_path / "image.dcm"))
    assert "PixelData" not in header
    assert image_header(header).has_pixels is has_pixels


def test_an_empty_pixel_element_is_none(tmp_path: Path) -> None:
    """Pixel Data of length zero does not count as pixels."""
    path = saved(dataset(waves(12), PixelData=b""), tmp_path / "image.dcm")
    assert not image_header(read_header(path)).has_pixels


@pytest.mark.parametrize("content", [b"", b"DICM", bytes(200), bytes(128) + b"DICM", b"\xff\xd8\xff\xe0" * 99])
def test_what_is_not_dicom(tmp_path: Path, content: bytes) -> None:
    """Bytes that are no DICOM file are invalid for good."""
    path = tmp_path / "image.dcm"
    path.write_bytes(content)
    with pytest.raises(InstanceInvalid):
        read_header(path)


def test_a_missing_file(tmp_path: Path) -> None:
    """A file that is gone is a damaged store, said in code."""
    with pytest.raises(NotAnalysable) as refusal:
        read_header(tmp_path / "gone.dcm")
    assert refusal.value.code is RefusalCode.STORE_DAMAGED


def test_a_disk_that_fails(tmp_path: Path) -> None:
    """A path that cannot be read is tried again later."""
    with pytest.raises(StoreUnavailable):
        read_header(tmp_path)


def test_a_deflated_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deflated data set that grows beyond the limit is refused before it is inflated."""
    monkeypatch.setattr("dicom_gateway.header._INFLATED_LIMIT", 10_000)
    ds = dataset(waves(12), TransferSyntaxUID=uid.DeflatedExplicitVRLittleEndian)
    path = saved(ds, tmp_path / "image.dcm")
    with pytest.raises(InstanceInvalid, match="too large"):
        read_instance(path)


def test_a_cut_deflated_data_set(tmp_path: Path) -> None:
    """A deflated data set whose end is missing is invalid."""
    path = saved(dataset(waves(12), TransferSyntaxUID=uid.DeflatedExplicitVRLittleEndian), tmp_path / "image.dcm")
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InstanceInvalid):
        read_header(path)


def test_a_header_from_a_foreign_file() -> None:
    """A file from another maker's toolkit gives its header."""
    header = image_header(read_header(Path(str(get_testdata_file("examples_overlay.dcm", download=False)))))
    assert (header.rows, header.columns, header.modality, header.has_pixels) == (300, 484, "MR", True)


KEYWORDS = [
    "SpecificCharacterSet",
    "ImageType",
    "Modality",
    "BodyPartExamined",
    "ViewPosition",
    "PatientPosition",
    "PatientOrientation",
    "PatientAge",
    "PatientBirthDate",
    "StudyDate",
    "StudyDescription",
    "ProtocolName",
    "PresentationIntentType",
    "PhotometricInterpretation",
    "SamplesPerPixel",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "SeriesNumber",
    "InstanceNumber",
    "ManufacturerModelName",
    "BitsStored",
    "BitsAllocated",
    "HighBit",
    "PixelRepresentation",
    "AnatomicRegionSequence",
    "ViewCodeSequence",
    "RequestAttributesSequence",
    "RequestedProcedurePriority",
    "ContributingEquipmentSequence",
    "SOPInstanceUID",
    "RescaleSlope",
    "RescaleIntercept",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "ImagerPixelSpacing",
    "PixelAspectRatio",
    "PresentationLUTShape",
    "VOILUTSequence",
    "ModalityLUTSequence",
    "ShutterShape",
    "ShutterLeftVerticalEdge",
    "CenterOfCircularShutter",
    "RadiusOfCircularShutter",
    "VerticesOfThePolygonalShutter",
]
VRS = ["AE", "AS", "CS", "DA", "DS", "IS", "LO", "LT", "OB", "OW", "PN", "SQ", "SS", "TM", "UI", "UL", "UN", "US", "ZZ"]
VALUES = st.binary(max_size=24) | st.text(st.characters(codec="latin-1"), max_size=12).map(
    lambda t: t.encode("latin-1")
)
ELEMENTS = st.dictionaries(st.sampled_from(KEYWORDS), st.tuples(st.sampled_from(VRS), VALUES), max_size=8)


@given(elements=ELEMENTS, is_implicit=st.booleans(), is_little_endian=st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_value_makes_a_header_raise(
    elements: dict[str, tuple[str, bytes]], is_implicit: bool, is_little_endian: bool
) -> None:
    """Whatever bytes an element holds, under whatever VR, the header functions answer."""
    ds = Dataset()
    for keyword, (vr, value) in elements.items():
        tag = Tag(keyword)
        ds[tag] = RawDataElement(tag, vr, len(value), value, 0, is_implicit, is_little_endian)
    assert isinstance(image_header(ds), ImageHeader)
    assert isinstance(ordered_priority(ds), str)


@given(elements=ELEMENTS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_value_makes_decoding_or_display_raise(elements: dict[str, tuple[str, bytes]]) -> None:
    """Whatever the display attributes hold, an image comes out in [0, 1] or a coded refusal."""
    ds = dataset(waves(12))
    for keyword, (vr, value) in elements.items():
        raw(ds, keyword, vr, value)
    try:
        pixel_module(ds)
        pixels = to_display(ds, waves(12)).pixels
    except NotAnalysable:
        return
    assert 0 <= pixels.min() <= pixels.max() <= 1


@given(position=st.integers(0, 2000), byte=st.integers(0, 255))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_wrong_byte_in_a_file(tmp_path: Path, position: int, byte: int) -> None:
    """A file with any one byte changed is read, or refused with a domain error."""
    path = tmp_path / "image.dcm"
    if not path.exists():
        saved(dataset(waves(8), 8, RequestAttributesSequence=[item(RequestedProcedurePriority="STAT")]), path)
    content = bytearray(path.read_bytes())
    content[position % 2000] = byte
    changed = tmp_path / "changed.dcm"
    changed.write_bytes(content)
    try:
        header = read_header(changed)
    except (InstanceInvalid, NotAnalysable):
        return
    assert isinstance(image_header(header), ImageHeader)


def test_a_stored_file_is_not_changed_by_reading(tmp_path: Path) -> None:
    """A whole instance read gives the same data set as pydicom does."""
    path = saved(dataset(waves(12)), tmp_path / "image.dcm")
    assert read_instance(path) == dcmread(path)
