// What is wider than the page scrolls in a box of its own. Such a box can be reached by Tab and moved by the arrows; a box
// that fits needs no stop. Their sizes change with the window, with a fold, and when MathJax has set the formulas.
const BOXES = ".bd-article :is(figure, pre, .math, mjx-container, .cell_output div, .pst-scrollable-table-container)";

function stops() {
  for (const box of document.querySelectorAll(BOXES)) {
    const moves = /auto|scroll/.test(getComputedStyle(box).overflowX) && box.scrollWidth > box.clientWidth;
    if (moves && !box.hasAttribute("tabindex")) {
      box.tabIndex = 0;
      box.dataset.stop = "";
      if (!box.matches("figure, [role]")) {
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", "wider than the page; the arrows move it");
      }
    } else if (!moves && "stop" in box.dataset) {
      for (const name of ["tabindex", "data-stop", "role", "aria-label"]) box.removeAttribute(name);
    }
  }
}

addEventListener("DOMContentLoaded", () => {
  // The button says "Search Ctrl + K"; a label that says less would hide the keys from whoever listens.
  document.querySelectorAll(".search-button-field").forEach((button) => button.removeAttribute("aria-label"));
  const article = document.querySelector(".bd-article");
  if (article) new ResizeObserver(stops).observe(article);
  addEventListener("resize", stops);
  addEventListener("load", () => window.MathJax?.startup?.promise?.then(stops) ?? stops());
});
