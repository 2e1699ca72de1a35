// One feedback's page: correcting and taking back. What is shown afterwards comes from the service again.

import { send, toast } from "./voc.js";
import { wire } from "./choose.js";

const own = () => document.getElementById("one");
const path = () => `/v1/feedback/${encodeURIComponent(own().dataset.id)}/corrections`;
const by = () => (own().dataset.by ? { by: own().dataset.by } : {});

/** The page as it is now, in place of the one that is shown; the same control has the focus again. */
async function again() {
  const focused = document.activeElement?.id;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  if (!answer.ok) { location.reload(); return; }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("one");
  if (!fresh) { location.reload(); return; }
  const opened = [...own().querySelectorAll("details")].map((one) => one.open);
  own().replaceWith(document.adoptNode(fresh));
  [...own().querySelectorAll("details")].forEach((one, at) => { one.open = opened[at] ?? false; });
  begin();
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

async function withdraw(numbers) {
  const query = own().dataset.by ? `?by=${encodeURIComponent(own().dataset.by)}` : "";
  own().setAttribute("aria-busy", "true");
  try {
    for (const number of numbers) await send("DELETE", `${path()}/${number}${query}`);
    toast(own().dataset.undone);
  } catch { /* said already */ }
  await again();
}

async function correct(box, value, values, name) {
  const { field, start, end } = box.dataset;
  const place = start === undefined ? {} : { segment: { start: Number(start), end: Number(end) } };
  const last = Number(own().dataset.last);
  if (!values) box.querySelector(".now").textContent = name;
  own().setAttribute("aria-busy", "true");
  try {
    const found = await send("POST", path(), { [field]: values ?? value, ...place, ...by() });
    const fresh = found.corrections.map((one) => one.number).filter((number) => number > last);
    await again();
    if (!fresh.length) toast(own().dataset.same);
    else toast(own().dataset.kept, { action: { label: own().dataset.undo, run: () => withdraw(fresh.reverse()) } });
  } catch { await again(); }
}

function begin() {
  wire(own(), correct);
  for (const button of own().querySelectorAll("[data-withdraw]")) {
    button.addEventListener("click", () => withdraw([Number(button.dataset.withdraw)]));
  }
}

begin();
