"""How every plot looks: one width, one size of text, colours that differ for every kind of colour blindness.

matplotlib's object interface only: no pyplot, so no state is shared and no display is asked for.
"""

import io
import textwrap
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from domain.errors import StoreUnavailable

#: Okabe and Ito's palette (2008): told apart with every kind of colour blindness.
NORMAL, PNEUMONIA, THIRD = "#0072B2", "#D55E00", "#009E73"
INK, FAINT, BAND = "#222222", "#767676", "#C9DDEC"
TEXT, SMALL = 10.0, 8.0
#: Key of a PNG's text that says which version or run was drawn.
SOURCE = "Source"

#: 1200 pixels in the width, so that text stays sharp where 600 are shown.
DPI = 200
_WIDTH_INCHES = 6.0
#: Letters of the small size that fit the width.
_SUBTITLE_LETTERS = 92
_PALETTE = 128


def new_figure(height: float, *, width: float = _WIDTH_INCHES, constrained: bool = True) -> Figure:
    """Make an empty figure, in inches, that is drawn by Agg; `constrained` leaves room for every text."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained" if constrained else None, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def head(figure: Figure, axes: Axes, title: str, subtitle: str) -> None:
    """Put a title over the figure, and what was measured on over its first axes."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=TEXT + 1, fontweight="bold", color=INK)
    axes.set_title("\n".join(textwrap.wrap(subtitle, _SUBTITLE_LETTERS)), loc="left", fontsize=SMALL, color=FAINT)


def plain_axes(axes: Axes, *, x: str = "", y: str = "") -> None:
    """Leave what carries information: two spines, faint ticks, a label with its unit on each axis."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=SMALL + 1, color=FAINT)
    axes.set_xlabel(x, fontsize=TEXT, color=INK)
    axes.set_ylabel(y, fontsize=TEXT, color=INK)


def save(figure: Figure, path: Path, *, source: str, colours: int = _PALETTE) -> Path:
    """Write a figure as a PNG of at most that many colours, for small files; `source` goes into its text.

    The folder is made. StoreUnavailable when the file cannot be written.
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI)
    reduced = Image.open(drawn).convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    text = PngInfo()
    text.add_text(SOURCE, source)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        reduced.save(path, format="PNG", optimize=True, pnginfo=text)
    except OSError as error:
        raise StoreUnavailable(f"the plot cannot be written to {path.parent} ({error.strerror})") from error
    return path
