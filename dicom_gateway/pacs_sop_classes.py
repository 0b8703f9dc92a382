"""What a simulated PACS can be told to take: the SOP classes of reports and of images, and their transfer syntaxes."""

from pydicom.uid import (
    AllTransferSyntaxes,
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    EnhancedSRStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

REPORT_SOP_CLASSES: tuple[str, ...] = (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    BasicTextSRStorage,
)
IMAGE_SOP_CLASSES: tuple[str, ...] = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)
ALL_SOP_CLASSES = REPORT_SOP_CLASSES + IMAGE_SOP_CLASSES
#: Names by which a PACS may be told what it takes.
SOP_CLASS_NAMES: dict[str, str] = {
    "comprehensive-3d-sr": Comprehensive3DSRStorage,
    "comprehensive-sr": ComprehensiveSRStorage,
    "enhanced-sr": EnhancedSRStorage,
    "basic-text-sr": BasicTextSRStorage,
    "secondary-capture": SecondaryCaptureImageStorage,
    "cr": ComputedRadiographyImageStorage,
    "dx": DigitalXRayImageStorageForPresentation,
}
#: Explicit VR first: it is what is preferred when a peer offers several.
DEFAULT_TRANSFER_SYNTAXES: tuple[str, ...] = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    *(uid for uid in AllTransferSyntaxes if uid not in {ExplicitVRLittleEndian, ImplicitVRLittleEndian}),
)
