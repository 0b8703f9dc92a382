"""Pictures for browsers. Whatever decodes stored pixels runs in a child process, which a hostile image may end."""

import io
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dicom_gateway.display import image_from_file
from domain.errors import CxrTriageError, NotAnalysable, ProcessDied
from domain.finding import RefusalCode
from model.gate_statistics import Turn
from model.heatmap import colours, overlay
from model.heatmap_levels import HeatMapLevels, from_levels

#: Longer side of what the study page gets: more than a diagnostic screen's height, less than a large detector's.
LONGEST_SIDE = 2048
_THUMBNAIL_SIDE = 112
_WHITE_16, _WHITE_8 = 65535, 255
#: Seconds for one picture.
_PATIENCE_SECONDS = 60.0
_JPEG_QUALITY = 80


class Renderer:
    """Makes pictures in one child process, and in a new one after that ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def grey(self, path: Path, turn: Turn) -> bytes:
        """Give the display image: see `grey_png`. Raises NotAnalysable when it cannot be shown, ProcessDied."""
        return self._run(grey_png, path, turn)

    def thumbnail(self, path: Path, turn: Turn, heat_map: HeatMapLevels | None) -> bytes:
        """Give a small picture: see `thumbnail_jpeg`. Raises as `grey` does."""
        return self._run(thumbnail_jpeg, path, turn, heat_map)

    def stop(self) -> None:
        """End the child."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            _end(pool)

    def _run(self, make: Callable[..., bytes], *arguments: object) -> bytes:
        pool = self._ready()
        try:
            answer = pool.submit(_answer, make, *arguments).result(_PATIENCE_SECONDS)
        except (BrokenExecutor, TimeoutError) as error:
            with self._lock:
                self._pool = None if self._pool is pool else self._pool
            _end(pool)
            raise ProcessDied("the process that makes pictures ended or hung on this image") from error
        if isinstance(answer, str):
            raise NotAnalysable(RefusalCode.UNDECODABLE, answer)
        return answer

    def _ready(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_end_with_parent)
            return self._pool


def _end(pool: ProcessPoolExecutor) -> None:
    """End a pool whose child may hang."""
    for process in list((pool._processes or {}).values()):
        process.kill()
    pool.shutdown(wait=False, cancel_futures=True)


def _end_with_parent() -> None:
    """End this child when its parent does, however that ends."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _answer(make: Callable[..., bytes], *arguments: object) -> bytes | str:
    """Give the picture, or in words why there is none: our errors do not cross processes."""
    try:
        return make(*arguments)
    except CxrTriageError as error:
        return str(error)


def grey_png(path: Path, turn: Turn) -> bytes:
    """Give the display image with 16 bits, as PNG: red the high byte, green the low one, for window and level.

    At most 2048 pixels on the longer side. Raises NotAnalysable, StoreUnavailable.
    """
    pixels = _fitted(turn.apply(image_from_file(path).pixels), LONGEST_SIDE)
    levels = np.rint(np.clip(pixels, 0, 1) * _WHITE_16).astype(np.uint16)
    packed = np.zeros((*levels.shape, 3), np.uint8)
    packed[..., 0], packed[..., 1] = levels >> 8, levels & _WHITE_8
    return _encoded(Image.fromarray(packed), "PNG", compress_level=1)


def thumbnail_jpeg(path: Path, turn: Turn, heat_map: HeatMapLevels | None) -> bytes:
    """Give a small picture, with the heat map over it where there is one. Raises as `grey_png` does."""
    pixels = np.clip(_fitted(turn.apply(image_from_file(path).pixels), _THUMBNAIL_SIDE), 0, 1)
    if heat_map is not None:
        picture = Image.fromarray(overlay(pixels, from_levels(heat_map)))
    else:
        picture = Image.fromarray(np.rint(pixels * _WHITE_8).astype(np.uint8))
    return _encoded(picture, "JPEG", quality=_JPEG_QUALITY)


def heat_png(heat_map: HeatMapLevels) -> bytes:
    """Give a heat map (150, 150) alone, as PNG: opaque where it is hottest, clear where there is no heat."""
    heat = from_levels(heat_map)
    share = heat / heat.max() if heat.max() > 0 else heat
    level = np.rint(share * _WHITE_8).astype(np.uint8)
    painted = np.dstack([np.rint(colours()[level] * _WHITE_8).astype(np.uint8), level])
    return _encoded(Image.fromarray(painted, "RGBA"), "PNG")


def _fitted(pixels: NDArray[np.float32], longest: int) -> NDArray[np.float32]:
    rows, columns = pixels.shape
    share = longest / max(rows, columns)
    if share >= 1:
        return pixels
    size = (max(1, round(columns * share)), max(1, round(rows * share)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX), np.float32)


def _encoded(picture: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, format=kind, **options)
    return file.getvalue()
