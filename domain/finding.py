"""What is looked for, how sure the network is, and why it sometimes does not say."""

from dataclasses import dataclass
from enum import StrEnum


class Assessment(StrEnum):
    """The reading of one study: a suspicion, no suspicion, or no statement at all."""

    #: The probability is at or above the operating point.
    SUSPECTED = "suspected"
    #: The probability is below the operating point.
    NOT_DETECTED = "not_detected"
    #: Nothing was scored: the study says why in code and words.
    UNDETERMINED = "undetermined"


class RefusalCode(StrEnum):
    """Why an image was not scored. The value is stable: it is stored, reported and counted."""

    #: The view position names a lateral or another non-frontal projection.
    NOT_FRONTAL = "not_frontal"
    #: Body part or modality names something other than a chest radiograph.
    NOT_CHEST = "not_chest"
    #: Presentation Intent Type is FOR PROCESSING: raw detector values.
    FOR_PROCESSING = "for_processing"
    #: More than one frame in the instance.
    MULTI_FRAME = "multi_frame"
    #: Colour or palette pixels.
    COLOUR = "colour"
    #: The instance was made by this service (heat map, report): never analysed again.
    OWN_OUTPUT = "own_output"
    #: The pixel data could not be decoded.
    UNDECODABLE = "undecodable"
    #: A transfer syntax that no decoder here can read.
    UNSUPPORTED_SYNTAX = "unsupported_syntax"
    #: Rows or columns are absurd, or outside what may be allocated.
    IMAGE_SIZE = "image_size"
    #: One grey level, or nearly: nothing can be seen.
    FLAT_IMAGE = "flat_image"
    #: The instance holds no pixel data.
    NO_PIXELS = "no_pixels"
    #: The patient is outside the population that the network was made for.
    OUTSIDE_POPULATION = "outside_population"
    #: The file is missing or differs from what was acknowledged.
    STORE_DAMAGED = "store_damaged"
    #: The file was removed after its retention time.
    IMAGES_PURGED = "images_purged"
    #: The study holds no instance that could be considered.
    NO_IMAGE = "no_image"

    @property
    def words(self) -> str:
        """The reason as a reader sees it."""
        return _WORDS[self]


_WORDS = {
    RefusalCode.NOT_FRONTAL: "not a frontal projection",
    RefusalCode.NOT_CHEST: "not a chest radiograph",
    RefusalCode.FOR_PROCESSING: "raw image for processing, not for presentation",
    RefusalCode.MULTI_FRAME: "multi-frame image",
    RefusalCode.COLOUR: "colour image",
    RefusalCode.OWN_OUTPUT: "made by this service",
    RefusalCode.UNDECODABLE: "pixel data damaged or undecodable",
    RefusalCode.UNSUPPORTED_SYNTAX: "transfer syntax that cannot be decoded",
    RefusalCode.IMAGE_SIZE: "image size out of range",
    RefusalCode.FLAT_IMAGE: "image without contrast",
    RefusalCode.NO_PIXELS: "no pixel data",
    RefusalCode.OUTSIDE_POPULATION: "patient outside the intended population",
    RefusalCode.STORE_DAMAGED: "stored image missing or altered: send it again",
    RefusalCode.IMAGES_PURGED: "earlier image removed after its retention time: send it again",
    RefusalCode.NO_IMAGE: "no image to consider",
}


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold with the performance measured at it, and where that was measured."""

    #: Short name, as in the model card: "high_sensitivity", "balanced".
    name: str
    #: Probability in [0, 1]; at or above it the finding is suspected.
    threshold: float
    #: Measured sensitivity in [0, 1].
    sensitivity: float
    #: Measured specificity in [0, 1].
    specificity: float
    #: The data set that both were measured on.
    measured_on: str

    def assess(self, probability: float) -> Assessment:
        """Say on which side of the threshold a probability in [0, 1] lies."""
        return Assessment.SUSPECTED if probability >= self.threshold else Assessment.NOT_DETECTED


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one image, or a whole study, was not scored."""

    code: RefusalCode
    #: What was read or measured, without patient data.
    detail: str

    def __str__(self) -> str:
        return f"{self.code.words} ({self.detail})" if self.detail else self.code.words
