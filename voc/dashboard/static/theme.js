// Runs before anything is drawn, so that a page of the chosen theme never flashes in the other.
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("voc-theme"); } catch { /* storage may be refused */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
