// What is wider than the page scrolls in a box of its own. Such a box can be reached by Tab and moved by the arrows; a box
// that fits needs no stop. Their sizes change with the window, with a fold, and when MathJax has set the formulas.
const BOXES = ".bd-article :is(figure, pre, .math, mjx-container, .cell_output div, .pst-scrollable-table-container)";

// By hand: the theme's own script gives a stop to some of these alone, and no name.
function stops() {
  for (const box of document.querySelectorAll(BOXES)) {
    const moves = /auto|scroll/.test(getComputedStyle(box).overflowX) && box.scrollWidth > box.clientWidth;
    if (moves && !box.hasAttribute("tabindex")) {
      box.tabIndex = 0;
      box.dataset.stop = "";
      if (!box.matches("figure, [role]")) {
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", document.querySelector("[data-moves]").dataset.moves);
      }
    } else if (!moves && "stop" in box.dataset) {
      for (const name of ["tabindex", "data-stop", "role", "aria-label"]) box.removeAttribute(name);
    }
  }
}

// Korean glues particles to a word, so a word is found wherever it is a part of another: 임베딩 in 임베딩은. If it is found
// nowhere, its own last syllables, up to three, may be the particle, and are left out.
// By hand: Sphinx has no stemmer for Korean.
function findKorean() {
  const parse = Search._parseQuery;
  const known = (word) => {
    const fewest = Math.max(word.length - 3, Math.min(word.length, 2));
    for (let part = word; /[가-힣]/.test(part) && part.length >= fewest; part = part.slice(0, -1)) {
      let found = false;
      for (const index of [Search._index.terms, Search._index.titleterms]) {
        const files = Object.keys(index).filter((term) => term.includes(part)).flatMap((term) => index[term]);
        if (files.length) index[part] = [...new Set(files)];
        found ||= files.length > 0;
      }
      if (found) return part;
    }
    return word;
  };
  Search._parseQuery = (query) => {
    const [said, words, without, marked, objects] = parse(query);
    return [said, new Set([...words].map(known)), without, new Set([...marked].map(known)), objects];
  };
}

document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search !== "undefined") findKorean();
  // The button says "Search Ctrl + K"; a label that says less would hide the keys from whoever listens.
  document.querySelectorAll(".search-button-field").forEach((button) => button.removeAttribute("aria-label"));
  const article = document.querySelector(".bd-article");
  if (article) new ResizeObserver(stops).observe(article);
  addEventListener("resize", stops);
  addEventListener("load", () => window.MathJax?.startup?.promise?.then(stops) ?? stops());
});
