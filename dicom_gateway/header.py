"""The header of a stored instance: read without pixels, and turned into what the choice of image needs.

Modalities leave things out, put them in the wrong element, or write them wrongly. `read_header` refuses what is not
DICOM; the functions on a data set never raise, whatever its values are.
"""

import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info, read_partial
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from dicom_gateway.bounded_reader import BoundedReader
from dicom_gateway.patient_age import patient_age_years
from dicom_gateway.projection import body_part, view_position
from dicom_gateway.source_items import UNREADABLE, read_items, read_text, read_texts
from dicom_gateway.source_numbers import read_integer
from domain.errors import InstanceInvalid, NotAnalysable, StoreUnavailable
from domain.finding import RefusalCode
from domain.study import MAXIMUM_PIXELS, ImageHeader

#: Manufacturer's Model Name (0008,1090) of everything that this service makes.
MODEL_NAME = "cxr-triage"

_PIXEL_DATA = 0x7FE00010
#: Float, Double Float and integer Pixel Data: the header ends before the first of them.
_PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, _PIXEL_DATA})
#: A deflated data set may not become larger than the largest image that is allowed, twice over.
_INFLATED_LIMIT = 4 * MAXIMUM_PIXELS
_CHUNK = 1 << 20
#: Preamble, prefix and the group length element itself (PS3.10 7.1); the group length counts from there.
_BEFORE_META = 128 + 4 + 12
#: Requested Procedure Priority, most urgent first; anything else comes after.
_URGENCY = ("STAT", "HIGH", "ROUTINE", "MEDIUM", "LOW")


def read_header(path: Path) -> Dataset:
    """Read a stored instance up to its pixels; the attribute `pixels_follow` says whether there are any.

    Raises InstanceInvalid when the file is not a DICOM instance, NotAnalysable (STORE_DAMAGED) when it is missing,
    StoreUnavailable when the disk fails.
    """
    pixels = _PixelWatch()
    ds = _read(path, pixels)
    ds.pixels_follow = pixels.seen
    return ds


def read_instance(path: Path) -> Dataset:
    """Read a stored instance whole. Raises as `read_header` does."""
    return _read(path, None)


class _PixelWatch:
    """Stops pydicom before the pixels and notes whether the element holds anything."""

    def __init__(self) -> None:
        self.seen = False

    def __call__(self, tag: BaseTag, vr: str | None, length: int) -> bool:
        del vr
        self.seen = self.seen or (tag == _PIXEL_DATA and length > 0)
        return tag in _PIXEL_TAGS


def _read(path: Path, stop_when: Callable[[BaseTag, str | None, int], bool] | None) -> Dataset:
    try:
        # pydicom's warnings quote values, and the oddities that they are about are dealt with on use.
        with warnings.catch_warnings(), BoundedReader(path) as file:
            warnings.simplefilter("ignore")
            _check_inflated_size(path)
            ds: Dataset = read_partial(file, stop_when)
    except FileNotFoundError as error:
        raise NotAnalysable(RefusalCode.STORE_DAMAGED, "the stored file is missing") from error
    except InvalidDicomError as error:
        raise InstanceInvalid("the file has no DICOM preamble and prefix (PS3.10 7.1)") from error
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise StoreUnavailable("the stored file cannot be read") from error
        raise InstanceInvalid(f"the DICOM file cannot be read ({type(error).__name__})") from error
    if not len(ds):
        raise InstanceInvalid("the DICOM file holds no data set")
    return ds


def _check_inflated_size(path: Path) -> None:
    """Refuse a deflated data set (PS3.5 A.5) that would grow beyond any image, before pydicom inflates it."""
    meta = read_file_meta_info(path)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    with path.open("rb") as file:
        file.seek(_BEFORE_META + (read_integer(meta, "FileMetaInformationGroupLength") or 0))
        data = file.read(_CHUNK)
        while data and size <= _INFLATED_LIMIT:
            size += len(inflater.decompress(data, _CHUNK))
            data = inflater.unconsumed_tail or file.read(_CHUNK)
    if size > _INFLATED_LIMIT:
        raise InstanceInvalid("the deflated data set is too large")


def image_header(ds: Dataset) -> ImageHeader:
    """Give what the choice of image needs to know. Never raises: what cannot be read counts as missing."""
    return ImageHeader(
        sop_instance_uid=read_text(ds, "SOPInstanceUID"),
        sop_class_uid=read_text(ds, "SOPClassUID"),
        transfer_syntax_uid=read_text(getattr(ds, "file_meta", None) or Dataset(), "TransferSyntaxUID"),
        modality=read_text(ds, "Modality"),
        body_part=body_part(ds),
        view_position=view_position(ds),
        description=_description(ds),
        presentation_intent=read_text(ds, "PresentationIntentType"),
        image_type=read_texts(ds, "ImageType"),
        photometric_interpretation=read_text(ds, "PhotometricInterpretation"),
        samples_per_pixel=_count(ds, "SamplesPerPixel", 1),
        number_of_frames=_count(ds, "NumberOfFrames", 1),
        rows=_count(ds, "Rows", 0),
        columns=_count(ds, "Columns", 0),
        series_number=_count(ds, "SeriesNumber", 0),
        instance_number=_count(ds, "InstanceNumber", 0),
        is_own_output=_is_own_output(ds),
        has_pixels=_has_pixels(ds),
        patient_age_years=patient_age_years(ds),
    )


def ordered_priority(ds: Dataset) -> str:
    """Give Requested Procedure Priority (0040,1003), upper-cased; "" when the header has none.

    It stands at the top or in the items of Request Attributes or Referenced Request Sequence. The most urgent
    counts, because one image may answer several requests.
    """
    holders = [ds, *read_items(ds, "RequestAttributesSequence", "ReferencedRequestSequence")]
    stated = [priority for holder in holders for priority in read_texts(holder, "RequestedProcedurePriority")]
    return min(stated, key=_urgency_rank, default="")


def _urgency_rank(priority: str) -> int:
    return _URGENCY.index(priority) if priority in _URGENCY else len(_URGENCY)


def _description(ds: Dataset) -> str:
    keywords = ("StudyDescription", "SeriesDescription", "ProtocolName")
    return " ".join(text for keyword in keywords for text in read_texts(ds, keyword))


def _count(ds: Dataset, keyword: str, default: int) -> int:
    number = read_integer(ds, keyword)
    return default if number is None else number


def _is_own_output(ds: Dataset) -> bool:
    """Recognise what this service made, also when another device has derived something from it since."""
    holders = [ds, *read_items(ds, "ContributingEquipmentSequence")]
    return any(MODEL_NAME.upper() in read_texts(holder, "ManufacturerModelName") for holder in holders)


def _has_pixels(ds: Dataset) -> bool:
    if getattr(ds, "pixels_follow", False):
        return True
    element = ds.get_item("PixelData")
    return element is not None and bool(element.value)
