"""A whole frame of each compressed transfer syntax, in several depths: what tests damage and fuzzing mutates."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from pydicom import uid
from pydicom.dataset import FileDataset
from pydicom.encaps import get_frame

from dicom_gateway.mutations import mutate
from dicom_gateway.wrap_encoding import set_pixel_data
from tests.phantoms import Stored, dataset, encapsulated, recompressed, waves

STREAMS = Path(__file__).parents[1] / "unit" / "pixels" / "streams"
#: Syntaxes that this project can encode, and that GDCM encodes as a second, independent encoder.
OURS = (uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless)
BY_GDCM = (*OURS, uid.JPEGLossless, uid.JPEGLosslessSV1)


@dataclass(frozen=True, slots=True)
class Frame:
    """One compressed frame, and what belongs into its header."""

    stream: bytes
    stored: Stored
    syntax: str
    bits: int

    def dataset(self, stream: bytes | None = None, **attributes: object) -> FileDataset:
        """Give a data set around the stream, or around another in its place."""
        return encapsulated(
            self.stream if stream is None else stream, self.stored, self.syntax, self.bits, **attributes
        )

    def mutated(self, seed: int, number: int) -> FileDataset:
        """Give a data set with mutation `number` of the stream; the same for the same seed."""
        return self.dataset(mutate(self.stream, (seed, number)))


def encoded(stored: Stored, bits: int, syntax: str) -> FileDataset:
    """Make a data set in a syntax that this project can encode."""
    ds = dataset(stored, bits)
    ds.file_meta.TransferSyntaxUID = uid.UID(syntax)
    set_pixel_data(ds, stored)
    return ds


def jpeg(stored: Stored) -> bytes:
    """Encode 8-bit grey as baseline JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(stored).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def frames(bits: int) -> dict[str, Frame]:
    """Give one frame of each compressed syntax that holds 8, 12 or 16 bits, by UID."""
    made = {}
    for syntax in (*BY_GDCM, uid.JPEGLSNearLossless, uid.JPEG2000):
        ds = (
            encoded(waves(bits), bits, syntax)
            if syntax not in BY_GDCM[3:]
            else recompressed(dataset(waves(bits), bits), syntax)
        )
        made[str(syntax)] = get_frame(ds.PixelData, 0, number_of_frames=1)
    if bits == 8:
        made[uid.JPEGBaseline8Bit] = jpeg(waves(8))
        made[uid.HTJ2KLossless] = (STREAMS / "htj2k_lossless_8.j2c").read_bytes()
        made[uid.HTJ2K] = (STREAMS / "htj2k_lossy_8.j2c").read_bytes()
    if bits == 12:
        made[uid.JPEGExtended12Bit] = (STREAMS / "jpeg_extended_12.jpg").read_bytes()
        made[uid.HTJ2KLossless] = (STREAMS / "htj2k_lossless_12_of_16.j2c").read_bytes()
    if bits == 16:
        made[uid.JPEGLossless] = (STREAMS / "jpeg_lossless_predictor_6_16.jpg").read_bytes()
    return {syntax: Frame(stream, waves(bits), syntax, bits) for syntax, stream in made.items()}
