// Once formulas and pictures have their sizes: each slide's letters become as large as its text allows, and what a cell
// shows as large as the room below it. Then reveal.js takes over.
const ROOM = { width: 1160, height: 640 }, FIGURE = 340, LARGEST = 1.9;

// The largest letters, from 28 to 18 pixels, at which the text leaves so much height; then what height is left.
function letters(slide, text, needed) {
  for (let size = 28; size >= 18; size--) {
    slide.style.fontSize = `${size}px`;
    if (text.offsetHeight <= ROOM.height - needed) break;
  }
  return ROOM.height - text.offsetHeight;
}

function fit(slide) {
  const shown = slide.querySelector(".shown"), text = slide.querySelector(".above");
  if (!shown) return letters(slide, text, 0);
  const width = Math.max(shown.scrollWidth, shown.offsetWidth), height = shown.scrollHeight;
  shown.style.width = shown.style.maxWidth = `${width}px`;
  const below = Math.min(letters(slide, text, FIGURE) / height, ROOM.width / width, LARGEST);
  slide.classList.add("beside");  // a tall figure is larger beside its text
  letters(slide, text, 0);
  const beside = Math.min((ROOM.height - 10) / height, 740 / width, LARGEST);
  if (beside < 1.15 * below) {
    slide.classList.remove("beside");
    letters(slide, text, FIGURE);
  }
  shown.style.zoom = Math.max(below, beside < 1.15 * below ? 0 : beside);
}

async function start() {
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  document.querySelectorAll(".slides > section").forEach(fit);
  document.body.classList.remove("measuring");
  await Reveal.initialize({
    width: 1280, height: 720, margin: 0, center: false, controls: false, hash: true, slideNumber: "c/t", transition: "none",
    plugins: [RevealNotes],
  });
  document.body.dataset.ready = "";
}

window.MathJax = {
  tex: { inlineMath: [["$", "$"]], displayMath: [["$$", "$$"]] },
  options: { enableMenu: false, ignoreHtmlClass: "notes" },
  startup: { pageReady: () => MathJax.startup.defaultPageReady().then(start) },
};
