"""From the files of one study to one reading: choose the frontal image, display image, tensor, network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dicom_gateway.display import image_from_file
from dicom_gateway.header import image_header, ordered_priority, read_header
from domain.errors import InstanceInvalid, NotAnalysable
from domain.finding import Assessment, OperatingPoint, Refusal, RefusalCode
from domain.study import ImageHeader, choose_frontal
from model.gate_statistics import UPRIGHT
from model.gated_classifier import ImageReading
from model.image_file import read_image
from worker.reader import Reader


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One instance of a study, as the pipeline sees it."""

    sop_instance_uid: str
    path: Path


@dataclass(frozen=True, slots=True)
class Reading:
    """What the pipeline can say about one study, or about one file."""

    assessment: Assessment
    #: Calibrated, in [0, 1]; None when nothing was scored.
    probability: float | None = None
    operating_point: OperatingPoint | None = None
    #: Why nothing was scored; None when something was.
    refusal: Refusal | None = None
    #: SOP Instance UID of the image that was scored.
    analysed_sop_instance_uid: str | None = None
    #: SOP Instance UIDs of every image that was looked at.
    considered: tuple[str, ...] = ()
    #: Requested Procedure Priority of each image that states one.
    ordered_priorities: tuple[str, ...] = ()
    #: What the shadow version says of the same image, if one runs.
    shadow: "Reading | None" = None
    #: What was scored, and where the suspicion comes from; kept only by a pipeline that explains.
    explained: ImageReading | None = None
    #: What was decided on the way to the display image, and why other images were passed over.
    notes: tuple[str, ...] = ()


class Pipeline:
    """The way of one study through the network; holds no state between studies."""

    def __init__(
        self, active: Reader, shadow: Reader | None, *, refuse_outside_population: bool, keeps_heat_maps: bool = False
    ) -> None:
        """`keeps_heat_maps` puts image and heat map into each reading."""
        self._active = active
        self._shadow = shadow
        self._refuse_outside_population = refuse_outside_population
        self._keeps_heat_maps = keeps_heat_maps

    @property
    def version(self) -> str:
        """The version whose results are reported."""
        return self._active.version

    @property
    def shadow_version(self) -> str | None:
        """The version that runs beside it."""
        return self._shadow.version if self._shadow else None

    def warm_up(self) -> None:
        """Run the network once, so that the first study does not wait for its loading."""
        self._active.model.warm_up()

    def read_study(
        self, images: Sequence[StoredImage], damaged: Sequence[str] = (), purged: Sequence[str] = ()
    ) -> Reading:
        """Read one study; `damaged` and `purged` are the SOP Instance UIDs whose files are unsound, or removed.

        Never raises for what an image is: the reading says so. Raises StoreUnavailable when the disk fails.
        """
        refusals = {uid: Refusal(RefusalCode.STORE_DAMAGED, "checksum or size differs") for uid in damaged}
        refusals |= {uid: Refusal(RefusalCode.IMAGES_PURGED, "") for uid in purged}
        headers, ordered = _read_headers(images, refusals)
        candidates, by_header = choose_frontal(headers)
        refusals |= by_header
        reading = self._first_scored(candidates, images, refusals)
        if reading is None:
            ranked = [header.sop_instance_uid for header in candidates] + [image.sop_instance_uid for image in images]
            telling = next((refusals[uid] for uid in ranked if uid in refusals), Refusal(RefusalCode.NO_IMAGE, ""))
            reading = Reading(Assessment.UNDETERMINED, refusal=telling)
        elif purged and reading.assessment is Assessment.NOT_DETECTED:
            # What is left of a study must not take back what was seen in the whole.
            reading = Reading(Assessment.UNDETERMINED, refusal=refusals[purged[0]], notes=reading.notes)
        return replace(
            reading,
            considered=tuple(image.sop_instance_uid for image in images),
            ordered_priorities=ordered,
            notes=reading.notes + tuple(f"{uid}: {refusal}" for uid, refusal in sorted(refusals.items())),
        )

    def read_picture(self, path: Path) -> Reading:
        """Read a JPEG or PNG file, which says nothing of view or body part."""
        try:
            return self._read_active(read_image(path))
        except NotAnalysable as refused:
            return Reading(Assessment.UNDETERMINED, refusal=Refusal(refused.code, refused.detail))

    def _first_scored(
        self, candidates: Sequence[ImageHeader], images: Sequence[StoredImage], refusals: dict[str, Refusal]
    ) -> Reading | None:
        """Score the first candidate that can be scored; add a refusal for each one before it."""
        paths = {image.sop_instance_uid: image.path for image in images}
        for header in candidates:
            try:
                return self._score(header, paths[header.sop_instance_uid])
            except NotAnalysable as refused:
                refusals[header.sop_instance_uid] = Refusal(refused.code, refused.detail)
        return None

    def _score(self, header: ImageHeader, path: Path) -> Reading:
        self._check_population(header)
        image = image_from_file(path)
        reading = self._read_active(image.pixels)
        return replace(
            reading,
            analysed_sop_instance_uid=header.sop_instance_uid,
            shadow=self._read_shadow(image.pixels),
            notes=tuple(image.notes) + reading.notes,
        )

    def _read_active(self, image: npt.NDArray[np.float32]) -> Reading:
        """Read an image; raises NotAnalysable when it is none of a frontal chest."""
        answer, point = self._active.model.read(image), self._active.operating_point
        return Reading(
            point.assess(answer.probability),
            probability=answer.probability,
            operating_point=point,
            explained=answer if self._keeps_heat_maps else None,
            notes=() if answer.turn == UPRIGHT else (f"put right before it was read: turned {answer.turn}",),
        )

    def _read_shadow(self, image: npt.NDArray[np.float32]) -> Reading | None:
        """Read the same image by the shadow, whose refusal is an answer like any other."""
        if self._shadow is None:
            return None
        try:
            probability, point = self._shadow.model.read(image).probability, self._shadow.operating_point
        except NotAnalysable as refused:
            return Reading(Assessment.UNDETERMINED, refusal=Refusal(refused.code, refused.detail))
        return Reading(point.assess(probability), probability=probability, operating_point=point)

    def _check_population(self, header: ImageHeader) -> None:
        age = header.patient_age_years
        population = self._active.model.card.population
        if age is None or not self._refuse_outside_population:
            return
        if not population.age_years_min <= int(age) <= population.age_years_max:
            limits = f"{population.age_years_min} to {population.age_years_max} years"
            raise NotAnalysable(RefusalCode.OUTSIDE_POPULATION, f"the network was made for {limits} of age")


def _read_headers(
    images: Sequence[StoredImage], refusals: dict[str, Refusal]
) -> tuple[list[ImageHeader], tuple[str, ...]]:
    """Read the headers of the images that are not refused yet, and the priorities that they state.

    Adds a refusal for each one that cannot be read.
    """
    headers, ordered = [], []
    for image in images:
        if image.sop_instance_uid in refusals:
            continue
        try:
            ds = read_header(image.path)
        except InstanceInvalid:
            refusals[image.sop_instance_uid] = Refusal(RefusalCode.UNDECODABLE, "not a readable DICOM instance")
        except NotAnalysable as refused:
            refusals[image.sop_instance_uid] = Refusal(refused.code, refused.detail)
        else:
            headers.append(replace(image_header(ds), sop_instance_uid=image.sop_instance_uid))
            ordered.append(ordered_priority(ds))
    return headers, tuple(filter(None, ordered))
