// What every page shares: sending, messages, themes, charts, keys. Pages work without it, but for what they change.

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

/** A message at the corner of the page; `action` is {label, run}, such as an undo. Gone after a while. */
export function toast(text, { bad = false, action = null, ms = 7000 } = {}) {
  const box = document.createElement("div");
  box.className = bad ? "toast bad" : "toast";
  box.append(text);
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = action.label;
    button.addEventListener("click", () => { box.remove(); action.run(); });
    box.append(button);
  }
  document.getElementById("toasts").append(box);
  if (ms) setTimeout(() => box.remove(), ms);
  return box;
}

/** What went wrong with a request, as the service says it: code, message, field, status. */
export class Failed extends Error {
  constructor(status, { code = "failed", message = "", field = null } = {}) {
    super(message || `HTTP ${status}`);
    Object.assign(this, { status, code, field });
  }
}

/** A request to /v1 as whoever is logged in. Returns its JSON, null where there is none; throws `Failed`, which is
    also shown unless `quiet`. `body` is JSON unless it is a FormData, Blob or string. */
export async function send(method, url, body = undefined, { quiet = false, headers = {} } = {}) {
  const given = { Accept: "application/json", ...headers };
  if (method !== "GET" && meta("csrf")) given["X-CSRF-Token"] = meta("csrf");
  const raw = body === undefined || body instanceof FormData || body instanceof Blob || typeof body === "string";
  if (!raw) given["Content-Type"] = "application/json";
  let failed;
  try {
    const response = await fetch(url, { method, headers: given, body: raw ? body : JSON.stringify(body), credentials: "same-origin" });
    const kind = response.headers.get("Content-Type") ?? "";
    const found = kind.includes("json") ? await response.json() : null;
    if (response.ok) return found;
    failed = new Failed(response.status, found?.error);
  } catch (error) {
    failed = new Failed(0, { message: String(error.message ?? error) });
  }
  if (!quiet) toast(failed.message, { bad: true });
  throw failed;
}

// ---- theme

const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};
for (const button of document.querySelectorAll("[data-theme-switch]")) {
  button.addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try { localStorage.setItem("voc-theme", next); } catch { /* storage may be refused */ }
    drawAll();
  });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll());

// ---- menu, log in and out

document.querySelector("[data-menu]")?.addEventListener("click", (event) => {
  const open = event.currentTarget.closest(".top").classList.toggle("open");
  event.currentTarget.setAttribute("aria-expanded", String(open));
});
document.querySelector("[data-logout]")?.addEventListener("click", async (event) => {
  const to = event.currentTarget.dataset.to;
  await send("DELETE", "/v1/session");
  location.assign(to);
});
document.querySelector("[data-login]")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const problem = form.querySelector(".problem");
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    await send("POST", "/v1/session", { name: form.elements.name.value, password: form.elements.password.value }, { quiet: true });
    location.assign(form.dataset.onward);
  } catch (error) {
    problem.textContent = error.status === 429 ? problem.dataset.often : error.status === 401 || error.status === 422 ? problem.dataset.wrong : problem.dataset.failed;
    problem.hidden = false;
    button.disabled = false;
    form.elements.password.select();
  }
});

// The language is in a cookie now; the address that is copied should not carry it.
{
  const here = new URL(location.href);
  if (here.searchParams.has("lang")) {
    here.searchParams.delete("lang");
    history.replaceState(history.state, "", here);
  }
}
// An empty field of a filter does not belong into the address.
for (const form of document.querySelectorAll("form[method=get]")) {
  form.addEventListener("submit", () => {
    for (const field of form.elements) if (field.name && field.value === "") field.disabled = true;
  });
  addEventListener("pageshow", () => { for (const field of form.elements) field.disabled = false; });
}

// Another way to compare has other sides: they are asked for at once.
document.querySelector("form[data-compare] select[name=by]")?.addEventListener("change", (event) => {
  const form = event.currentTarget.form;
  for (const field of form.elements) if (["a", "b", "a_from", "a_to"].includes(field.name)) field.disabled = true;
  form.requestSubmit();
});

// ---- panels that open: one at a time, closed by Escape or a click beside them

document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.pop[open]")) if (!open.contains(event.target)) open.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of document.querySelectorAll("details.pop[open]")) { open.open = false; open.querySelector("summary").focus(); }
});

// ---- parts of a page that take longer than the rest: fetched from a page of their own

for (const place of document.querySelectorAll("[data-part]")) {
  place.setAttribute("aria-busy", "true");
  place.classList.add("loading");
  fetch(place.dataset.part, { headers: { Accept: "text/html" }, credentials: "same-origin" })
    .then((response) => (response.ok ? response.text() : Promise.reject(new Error(response.status))))
    .then((text) => {
      const found = new DOMParser().parseFromString(text, "text/html").querySelector(place.dataset.from);
      if (!found) throw new Error("not there");
      place.replaceChildren(...found.childNodes);
    })
    .catch(() => { place.textContent = place.dataset.failed; })
    .finally(() => { place.removeAttribute("aria-busy"); place.classList.remove("loading"); });
}

// ---- charts: figures come as JSON beside their place; colours are names of tokens, such as "$accent"

let library = null;
// Under this id plotly.js writes the styles of its maps into the page, which the policy refuses and no page needs;
// where something has the id already, it does not.
const STYLES_OF_MAPS = "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53";
function plotly() {
  library ??= new Promise((resolve, reject) => {
    const none = document.createElement("template");
    none.id = STYLES_OF_MAPS;
    document.head.append(none);
    const script = document.createElement("script");
    script.src = meta("charts");
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", reject);
    document.head.append(script);
  });
  return library;
}

function coloured(value, styles) {
  if (typeof value === "string" && value.startsWith("$")) {
    const [name, alpha] = value.slice(1).split("/");
    const found = styles.getPropertyValue(`--${name}`).trim();
    return alpha ? found + Math.round(255 * Number(alpha)).toString(16).padStart(2, "0") : found;
  }
  if (Array.isArray(value)) return value.map((one) => coloured(one, styles));
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, coloured(one, styles)]));
  return value;
}

/** A name in two lines, so that a phone has room for the bars. */
function wrapped(name) {
  if (name.length <= 16) return name;
  const middle = name.indexOf(" ", Math.floor(name.length / 2) - 3);
  return middle < 0 ? name : `${name.slice(0, middle)}<br>${name.slice(middle + 1)}`;
}

/** Draws one chart; `place` stands before the script with its figure. */
export async function draw(place) {
  const source = place.nextElementSibling?.matches("script[type='application/json']") ? place.nextElementSibling : null;
  if (!source) return;
  const Plotly = await plotly();
  const styles = getComputedStyle(document.documentElement);
  const figure = coloured(JSON.parse(source.textContent), styles);
  const [names, days] = [figure.layout.yaxis, figure.layout.xaxis];
  if (names?.ticktext && place.clientWidth < 480) {
    names.ticktext = names.ticktext.map(wrapped);
    names.tickfont = { ...names.tickfont, size: 11 };
    if (figure.layout.height) place.style.height = `${(figure.layout.height = Math.round(1.3 * figure.layout.height))}px`;
  }
  if (days?.tickvals && days.tickangle === 0 && place.clientWidth < 480) {  // so that they stay level on a phone
    for (const part of ["tickvals", "ticktext"]) days[part] = days[part].filter((_, i) => i % 2 === 0);
  }
  await Plotly.react(place, figure.data, figure.layout, { displayModeBar: false, responsive: true, ...figure.config });
  place.dataset.drawn = "";
  if (!place.dataset.heard) {
    place.dataset.heard = "";
    place.on("plotly_click", ({ points }) => {
      const to = points[0]?.customdata?.url ?? points[0]?.customdata;
      if (typeof to === "string" && to.startsWith("/")) location.assign(to);
    });
  }
}
// The room of a chart is kept before it is drawn, so that nothing jumps.
for (const place of document.querySelectorAll("[data-chart][data-height]")) place.style.height = `${place.dataset.height}px`;
const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) if (isIntersecting) { seen.unobserve(target); draw(target); }
}, { rootMargin: "300px" });
for (const place of document.querySelectorAll("[data-chart]")) seen.observe(place);
export function drawAll() {
  for (const place of document.querySelectorAll("[data-chart][data-drawn]")) draw(place);
}
