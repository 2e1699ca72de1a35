// Files: sent, looked at by another mapping, begun, watched.
import { send } from "./voc.js";

const bring = document.getElementById("bring-form");
if (bring) {
  const drop = document.getElementById("drop");
  const input = bring.elements.file;
  for (const kind of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) input.files = event.dataTransfer.files;
    });
  }
  bring.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [file] = input.files;
    if (!file) return;
    const said = document.getElementById("sending");
    const query = new URLSearchParams({ name: file.name });
    if (bring.elements.format.value) query.set("format", bring.elements.format.value);
    said.textContent = said.dataset.sending;
    try {
      const headers = { "Content-Type": "application/octet-stream" };
      const { upload } = await send("POST", `/v1/uploads?${query}`, file, { headers });
      location.assign(bring.dataset.to.replace("ID", upload.id));
    } catch {
      said.textContent = "";
    }
  });
}

const mapping = document.getElementById("mapping");
if (mapping) {
  const { upload } = mapping.dataset;
  for (const field of mapping.querySelectorAll("select")) {
    field.addEventListener("change", () => HTMLFormElement.prototype.submit.call(mapping));
  }
  mapping.addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = [...mapping.querySelectorAll("[data-field]")].filter((field) => field.value);
    const body = {
      mapping: Object.fromEntries(chosen.map((field) => [field.dataset.field, field.value])),
      source: mapping.elements.source.value.trim(), dates: mapping.elements.dates.value,
    };
    const button = mapping.querySelector("[data-start]");
    button.disabled = true;
    try {
      await send("POST", `/v1/uploads/${upload}/start`, body);
      location.replace(location.pathname);
    } catch {
      button.disabled = false;
    }
  });
}

for (const button of document.querySelectorAll("[data-cancel]")) {
  button.addEventListener("click", async () => {
    await send("DELETE", `/v1/uploads/${button.dataset.cancel}`);
    location.assign(button.dataset.back);
  });
}

/** Shows how far a file is until it is done, then the page as it is then. */
async function watch(place) {
  const number = new Intl.NumberFormat(document.documentElement.lang);
  for (;;) {
    const found = await send("GET", `/v1/uploads/${place.dataset.upload}`, undefined, { quiet: true }).catch(() => null);
    if (found) {
      place.querySelector("progress").value = found.done;
      for (const cell of place.querySelectorAll("[data-of]")) cell.textContent = number.format(found[cell.dataset.of]);
      if (found.state !== "running") break;
    }
    await new Promise((done) => { setTimeout(done, 700); });
  }
  location.reload();
}
for (const place of document.querySelectorAll("[data-upload]:not(form)")) watch(place);
