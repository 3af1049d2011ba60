"""Figures with a caption and an alternative text, in colours that the colour-blind tell apart."""

import base64
import html
import io
import re
import warnings

import matplotlib.pyplot as plt
import numpy as np
import soundfile
import torch
from IPython.display import HTML, display
from IPython.utils.capture import capture_output
from matplotlib import font_manager, get_cachedir
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from PIL import Image

from helpers import CourseError
from helpers.training import place

# Okabe and Ito's palette, black last (first in matplotlib's okabe_ito). https://jfly.uni-koeln.de/color/
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000"]
BLUE, ORANGE, GREEN, RED, PINK, SKY, YELLOW, BLACK = COLOURS
ORANGE_TO_BLUE = LinearSegmentedColormap.from_list("orange_to_blue", [ORANGE, "white", BLUE])

# matplotlib's own font has no Hangul: the first of these that is installed draws it, and nothing else.
HANGUL = ["Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "UnDotum"]
HANGUL = [name for name in HANGUL if name in font_manager.get_font_names()][:1]
warnings.filterwarnings("ignore", "Glyph .*HANGUL")  # `show` says it in one line

plt.rc("axes", prop_cycle=plt.cycler(color=COLOURS))
plt.rc("axes.spines", top=False, right=False)
plt.rc("figure", facecolor="white")
plt.rc("figure.constrained_layout", use=True)
plt.rc("font", size=11, family=["sans-serif", *HANGUL])
plt.rc("legend", frameon=False)

LARGEST = 146_000  # bytes of a slider's frames; with what turns them, 150 kB
# How a slider's pictures are made to fit: webp's quality, their scale, and how many frames are passed over.
FITS = ((72, 1, 1), (60, 0.73, 1), (45, 0.73, 1), (60, 0.73, 2), (45, 0.73, 4), (30, 0.5, 10))
collected = None  # while a slider's frames are drawn: their pictures

# Makes a slider of a row of frames; one of ipywidgets needs a kernel. They share one place, so that nothing jumps.
# JupyterLab, which moves from cell to cell by the arrows, gets its shortcuts (Ctrl+S, Shift+Enter), but not the arrows.
TURN = """
for (const row of (document.currentScript?.parentNode ?? document).querySelectorAll("[data-slider]")) {
  const frames = [...row.children], name = row.dataset.slider;
  const [label, input, value] = ["label", "input", "span"].map((tag) => document.createElement(tag));
  const turn = () => {
    frames.forEach((frame, i) => (frame.style.visibility = i == input.value ? "visible" : "hidden"));
    value.textContent = frames[input.value].dataset.value;
    input.setAttribute("aria-valuetext", value.textContent);
  };
  Object.assign(input, { type: "range", autocomplete: "off", max: frames.length - 1, oninput: turn });
  input.value = row.dataset.start;
  input.setAttribute("aria-label", name);
  input.style.cssText = "flex: auto; max-width: 400px; margin: 0 12px";
  label.style.cssText = "display: flex; align-items: center; margin: 8px 0";
  input.onkeydown = (e) => { if (!(e.ctrlKey || e.metaKey || e.shiftKey)) e.stopPropagation(); };
  label.append(name, input, value);
  row.before(label);
  for (const frame of frames) {
    frame.firstElementChild.remove();
    frame.style.cssText = "grid-area: 1 / 1; min-width: 0";
  }
  row.style.cssText = "display: grid; grid-template-columns: minmax(0, 1fr)";
  row.setAttribute("aria-live", "polite");
  for (const done of ["data-slider", "tabindex", "role", "aria-label"]) row.removeAttribute(done);
  turn();
}
"""


def show(figure, alt, caption="", handle=None):
    """Shows a matplotlib figure, which is closed afterwards, with a caption below it and `alt`: what it shows, in a
    sentence or two, for screen readers. It keeps its white ground, so that it reads the same in JupyterLab's dark
    theme. With an `IPython.display.DisplayHandle` each picture takes the place of the one before, for a figure that
    grows while a model trains. Raises CourseError where there is no alternative text."""
    if not alt.strip():
        raise CourseError("The figure has no alternative text. Say in a sentence what it shows: show(figure, alt=...).")
    figure.set_dpi(110)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # savefig would draw twice
    plt.close(figure)
    if not HANGUL and figure.findobj(lambda part: re.search("[가-힣]", getattr(part, "get_text", str)())):
        print(f"No font here has Hangul. Install one (fonts-nanum), delete {get_cachedir()}, and restart the kernel.")
    picture = source(Image.fromarray(np.asarray(canvas.buffer_rgba())))
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    shown = HTML(
        f'<figure style="margin: 0.5em 0"><img alt="{html.escape(alt)}" src="{picture}" '
        f'style="width: {figure.get_figwidth() * 80:.0f}px; max-width: 100%; border-radius: 6px">{below}</figure>'
    )
    display(shown) if handle is None else place(handle, shown)


def source(picture):
    """What an `<img>` tag takes as its `src`: the picture itself, or its number among those that `slider` collects."""
    if collected is None:
        return webp(picture)
    collected.append(picture)
    return f"data:number,{len(collected) - 1}"


def webp(picture, quality=72, scale=1):
    """A PIL picture as the text of a webp file: a third of a png, or less."""
    size = [round(scale * side) for side in picture.size]
    buffer = io.BytesIO()
    picture.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(buffer, format="webp", quality=quality)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def matrix(axes, values, rows=(), columns=(), title="", decimals=2):
    """Draws a small matrix, a 2-d tensor or array, as coloured squares with their numbers of so many decimals; blue is
    positive, orange is negative. `rows` and `columns` are their names."""
    values = array(values)
    limit = np.abs(values).max() * 1.6 or 1  # lighter than the map's ends, so that black numbers stay legible
    axes.imshow(values, cmap=ORANGE_TO_BLUE, vmin=-limit, vmax=limit, aspect="equal")
    for (i, j), value in np.ndenumerate(values.round(decimals) + 0.0):  # + 0.0 turns -0.0 into 0.0
        axes.text(j, i, f"{value:.{decimals}f}", ha="center", va="center", fontsize=10)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=11)


def spectrogram(axes, values, seconds, top, title="", decibels=80):
    """Draws a spectrogram, a 2-d tensor (frequencies, frames) in decibels: time to the right, frequency upwards, loud
    is bright. The sound lasts `seconds`; at the upper edge stands `top`, a frequency in kHz or a number of bands; the
    colours end so many decibels below the loudest value. Returns the image, for a colour bar."""
    values = array(values)
    loudest = values.max()
    axes.set_title(title, fontsize=11)
    look = {"origin": "lower", "aspect": "auto", "cmap": "magma", "interpolation": "nearest"}
    return axes.imshow(values, extent=(0, seconds, 0, top), vmin=loudest - decibels, vmax=loudest, **look)


def array(values):
    """Numbers as a NumPy array: a network's output, or numbers of 16 bits, as well."""
    return np.asarray(values.detach().cpu().double() if isinstance(values, torch.Tensor) else values, dtype=float)


def attention(axes, picture, weights, title=""):
    """Draws a picture, a uint8 tensor (3, height, width), that is bright where the weights of its places are large, and
    dark elsewhere. `weights` is a tensor (rows, columns), not negative; the largest is drawn fully bright."""
    height, width = picture.shape[1:]
    light = Image.fromarray((array(weights) / array(weights).max()).astype(np.float32)).resize((width, height))
    shaded = picture.permute(1, 2, 0).numpy() / 255 * (0.2 + 0.8 * np.asarray(light)[..., None])
    axes.imshow(shaded.clip(0, 1), interpolation="nearest")
    axes.set_title(title, fontsize=11)
    axes.axis("off")


def play(sounds, rate):
    """Shows a row of players, one a sound, stored in the notebook as 16-bit flac or wav: `{what one hears: 1-d tensor
    or array of samples, full scale at 1}` (what is louder is turned down), `rate` samples a second. Raises CourseError
    where a sound is empty, has several channels, holds samples that are not numbers, or the rate is below 1."""
    if not isinstance(rate, int | float | np.integer) or not rate >= 1:
        raise CourseError(f"The rate counts samples a second, such as 16000; it is {rate!r}.")
    players = []  # IPython's Audio has no label for screen readers, and stores wav alone
    for name, signal in sounds.items():
        samples = array(signal).astype(np.float32)
        if samples.ndim != 1 or not samples.size or not np.isfinite(samples).all():
            raise CourseError(
                f"The sound {name!r} cannot be played: give one row of finite samples, not the shape {samples.shape}."
            )
        buffer, form = io.BytesIO(), "flac" if samples.size > 4096 else "wav"  # Chromium cannot play flac of one block
        soundfile.write(buffer, samples / max(1, np.abs(samples).max()), int(rate), format=form, subtype="PCM_16")
        stored, label = base64.b64encode(buffer.getvalue()).decode(), html.escape(name)
        players.append(
            f'<figure style="margin: 0"><figcaption>{label}</figcaption><audio controls aria-label="{label}" '
            f'src="data:audio/{form};base64,{stored}" style="width: 250px; height: 40px"></audio></figure>'
        )
    display(HTML(f'<div style="display: flex; flex-wrap: wrap; gap: 16px">{"".join(players)}</div>'))


def gallery(rows, caption="", width=64):
    """Shows rows of pictures, each with a line below it, and a caption below all: `{title: [(picture, label), ...]}`,
    each a uint8 tensor (3, height, width), `width` pixels wide on the page. Raises CourseError on any other picture."""
    shown = []
    for title, pictures in rows.items():
        name = title or caption or "picture"  # for those who can't see a picture that has no label
        tiles = "".join(tile(p, str(label), width, f"{name}, {k}") for k, (p, label) in enumerate(pictures, 1))
        heading = f'<div style="width: 130px; align-self: center; text-align: right">{html.escape(str(title))}</div>'
        shown.append(f'<div style="display: flex; gap: 10px; margin: 4px 0">{heading}{tiles}</div>')
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    display(HTML(f'<figure style="margin: 0.5em 0; overflow-x: auto">{"".join(shown)}{below}</figure>'))


def tile(picture, label, width, name):
    picture = torch.as_tensor(picture)
    if picture.dtype != torch.uint8 or not picture.numel() or picture.ndim != 3 or picture.shape[0] != 3:
        raise CourseError(
            f"A gallery takes uint8 pictures of shape (3, height, width), not {tuple(picture.shape)}, {picture.dtype}."
        )
    label, name, pixels = *map(html.escape, (label, name)), Image.fromarray(picture.permute(1, 2, 0).numpy())
    return (
        f'<div style="{f"width: {max(width, 76)}px" if label else "min-width: 0"}; text-align: center; '
        f'font-size: 0.8em; line-height: 1.2"><img alt="{label or name}" src="{source(pixels)}" '
        f'style="width: {width}px; max-width: 100%; border-radius: 6px; display: inline"><br>{label}</div>'
    )


def slider(draw, **span):
    """Draws the frames of a moving figure and leaves a slider that turns them over, even without a kernel. Where
    scripts don't run (GitHub, a notebook that isn't trusted), the frames stand in a row.

    `draw` takes one keyword argument and shows a figure, by `show` or `gallery`; it may print, too. `span` says of this
    argument `(start, lowest, highest, step)`. More than 21 values are thinned evenly. Where the frames take more than
    `LARGEST` bytes, they become smaller, then plainer, then fewer. Raises CourseError where there is not one argument,
    or where its range makes no sense."""
    if len(span) != 1:
        raise CourseError(f"A slider moves one value, not {len(span)}: slider(draw, step=(40, 0, 400, 20)).")
    ((name, (start, low, high, step)),) = span.items()
    if not (low <= start <= high and step > 0):
        raise CourseError(f"{name} takes (start, lowest, highest, step), not {span[name]}.")
    count = int((high - low) / step + 1e-9)
    stops = sorted({start, high, *(round(low + i * step, 9) for i in range(0, count + 1, max(1, -(-count // 20))))})
    drawn, pictures = frames_of(draw, name, stops)
    for quality, scale, every in FITS:
        frames = {
            stop: re.sub(r"data:number,(\d+)", lambda n: webp(pictures[int(n[1])], quality, scale), drawn[stop])  # noqa: B023
            for i, stop in enumerate(stops)
            if i % every == 0 or stop in (start, high)
        }
        if sum(map(len, frames.values())) <= LARGEST:
            break
    row = "".join(
        f'<div data-value="{stop}" style="flex: none; max-width: 90%; margin-right: 16px"><div>{name} {stop}</div>'
        f"{frame}</div>"
        for stop, frame in frames.items()
    )
    display(
        HTML(
            f'<div data-slider="{name}" data-start="{list(frames).index(start)}" tabindex="0" role="group" '
            f'aria-label="{name}, {len(frames)} frames" style="display: flex; overflow-x: auto">{row}</div>'
            f"<script>{TURN}</script>"
        )
    )


def frames_of(draw, name, stops):
    """What `draw` shows for each value, `{value: its HTML}`, and the pictures whose numbers stand in it."""
    global collected
    collected, frames = [], {}
    try:
        for stop in stops:
            with capture_output(stderr=False) as shown:
                draw(**{name: stop})
            printed = f"<pre>{html.escape(shown.stdout)}</pre>" if shown.stdout else ""
            frames[stop] = printed + "".join(output.data.get("text/html", "") for output in shown.outputs)
        return frames, collected
    finally:
        collected = None
