"""UIDs: ours, what is derived from what, and which text is a UID at all.

A report's identity is a function of what it says, never of when it was made: building it twice gives one
SOP instance, so sending it twice is harmless (ARCHITECTURE promise 3).
"""

import re
import uuid

from pydicom.uid import Comprehensive3DSRStorage

#: Root of every derivation here. Changing it changes the identity of every report ever made.
_NAMESPACE = uuid.UUID("6b4f8a52-0d0e-5c57-9d0b-2f7d3c1f5e11")
#: PS3.5 B.2: a UID under 2.25 is the decimal value of a UUID.
_UUID_ROOT = "2.25."
#: PS3.5 9.1: at most 64 characters.
_UID_LENGTH = 64
#: Leading zeros pass, see `is_valid_uid`.
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")


def derived_uid(*parts: str) -> str:
    """Give the UID that belongs to these texts: the same for the same parts, for ever.

    A version 5 UUID (RFC 9562) under the root 2.25 (PS3.5 Annex B.2), so at most 44 characters. Each part is
    preceded by its length: no two different lists of parts make the same name.
    """
    name = "".join(f"{len(part)}:{part}" for part in parts)
    return f"{_UUID_ROOT}{uuid.uuid5(_NAMESPACE, name).int}"


def new_uid() -> str:
    """Give a UID that nobody can guess (PS3.5 B.2, version 4): for what must be told from everything else, once."""
    return f"{_UUID_ROOT}{uuid.uuid4().int}"


#: File meta (0002,0012), and the same in association negotiation.
IMPLEMENTATION_CLASS_UID = derived_uid("implementation class", "cxr-triage")
#: File meta (0002,0013); SH, so at most 16 characters.
IMPLEMENTATION_VERSION_NAME = "CXR_TRIAGE_0.1"
#: (0008,1090) of every instance made here: how our own output is known when it comes back.
MANUFACTURER_MODEL_NAME = "cxr-triage"


def is_valid_uid(text: str) -> bool:
    """Say whether this text can be kept and sent as a UID, by PS3.5 section 9.1.

    At most 64 characters, and at least two components of decimal digits between single dots. Two rules are let
    pass: a component may start with zeros, and the first may be above 2. Real modalities send such UIDs,
    refusing them would stall their queue, and a UID is compared as a string and never parsed (PS3.5 9.1).
    Padding (a trailing NUL or space) must be stripped before.
    """
    return len(text) <= _UID_LENGTH and _UID.fullmatch(text) is not None


def report_sop_instance_uid(
    study_instance_uid: str,
    revision: int,
    model_version: str,
    sop_class_uid: str = Comprehensive3DSRStorage,
    *,
    shows_heat_map: bool = False,
) -> str:
    """Give the SOP Instance UID of the report on one study revision by one model version.

    The same report written as another SOP class is another SOP instance (PS3.5 section 9), and so is the one that
    refers to a heat map, because its bytes differ.
    """
    variant = ("heat map",) if shows_heat_map else ()
    return derived_uid("report", study_instance_uid, str(revision), model_version, sop_class_uid, *variant)


def capture_sop_instance_uid(study_instance_uid: str, revision: int, model_version: str) -> str:
    """Give the SOP Instance UID of the heat-map capture of one study revision by one model version."""
    return derived_uid("heat map", study_instance_uid, str(revision), model_version)


def capture_series_uid(study_instance_uid: str) -> str:
    """Give the series that holds every heat-map capture of one study: never a series of the images."""
    return derived_uid("heat map series", study_instance_uid)


def is_own_series(study_instance_uid: str, series_instance_uid: str) -> bool:
    """Say whether this is a series that is made here: whoever knows the study knows its series of ours."""
    return series_instance_uid in (report_series_uid(study_instance_uid), capture_series_uid(study_instance_uid))


def report_series_uid(study_instance_uid: str) -> str:
    """Give the series that holds every report on one study: never a series of the images."""
    return derived_uid("report series", study_instance_uid)


def workitem_uid(study_instance_uid: str, revision: int, model_version: str, destination: str) -> str:
    """Give the SOP Instance UID of the Unified Procedure Step for one study revision at one destination."""
    return derived_uid("workitem", study_instance_uid, str(revision), model_version, destination)


def tracking_uid(subject_uid: str, finding: str, model_name: str) -> str:
    """Give the Tracking Unique Identifier (112040, DCM) of one finding by one model.

    `subject_uid` is the SOP Instance UID of the analysed image, or the Study Instance UID when no single
    image was analysed. `finding` is "scheme:code". The same observation in a later revision keeps it.
    """
    return derived_uid("tracking", subject_uid, finding, model_name)


def device_observer_uid(manufacturer: str, model_name: str, model_version: str) -> str:
    """Give the Device Observer UID (121012, DCM) of one version of the algorithm."""
    return derived_uid("device observer", manufacturer, model_name, model_version)
