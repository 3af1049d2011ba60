"""Figures with a caption and an alternative text, in colours that the colour-blind tell apart."""

import base64
import html
import io

import matplotlib.pyplot as plt
from IPython.display import HTML, display

from helpers import CourseError

# Okabe and Ito's palette, black last. https://jfly.uni-koeln.de/color/
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000"]
BLUE, ORANGE, GREEN, RED, PINK, SKY, YELLOW, BLACK = COLOURS

plt.rcParams.update(
    {
        "axes.prop_cycle": plt.cycler(color=COLOURS),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.constrained_layout.use": True,
        "figure.facecolor": "white",
        "font.size": 11,
        "legend.frameon": False,
        "savefig.dpi": 130,
    }
)


def show(figure, alt, caption="", handle=None):
    """Shows a matplotlib figure with a caption below it and a text for those who cannot see it.

    The picture keeps its white ground, so that it reads the same in JupyterLab's dark theme.

    Args:
        figure: `matplotlib.figure.Figure`; it is closed afterwards.
        alt: what the figure shows, in a sentence or two; screen readers speak it.
        caption: the line below the figure. Optional.
        handle: what an earlier `show` returned; the new picture then takes the old one's place (a live figure).

    Returns:
        The display's handle, for a live figure.

    Raises:
        CourseError: there is no alternative text.
    """
    if not alt.strip():
        raise CourseError("The figure has no alternative text. Say in a sentence what it shows: show(figure, alt=...).")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    plt.close(figure)
    picture = base64.b64encode(buffer.getvalue()).decode()
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    shown = HTML(
        f'<figure style="margin: 0.5em 0"><img alt="{html.escape(alt)}" src="data:image/png;base64,{picture}" '
        f'style="width: {figure.get_figwidth() * 80:.0f}px; max-width: 100%; border-radius: 6px">{below}</figure>'
    )
    if handle is None:
        return display(shown, display_id=True)
    handle.update(shown)
    return handle
