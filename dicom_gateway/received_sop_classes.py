"""The storage SOP classes that are received, and the names by which a peer's profile lists them."""

from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)

#: What is received of any sender. No SR: no routing loops.
RECEIVED_SOP_CLASSES: tuple[str, ...] = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)
#: Received only of senders whose profile names it: digitisers write single radiographs so, others write films.
NAMED_SENDERS_ONLY: tuple[str, ...] = (
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
)
SOP_CLASSES_BY_NAME: dict[str, tuple[str, ...]] = {
    "CR": (ComputedRadiographyImageStorage,),
    "DX": (DigitalXRayImageStorageForPresentation,),
    "DX_FOR_PROCESSING": (DigitalXRayImageStorageForProcessing,),
    "SC": (SecondaryCaptureImageStorage,),
    "MULTIFRAME_SC": NAMED_SENDERS_ONLY,
}
