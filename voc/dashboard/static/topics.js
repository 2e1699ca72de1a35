// A topic's decisions: dialogs that post to /v1/topics, and what is said when the page is there again.
import { send, toast } from "./voc.js";

const told = document.getElementById("told")?.dataset ?? {};
/** Where nobody logs in, decisions are those of whoever reads this page. */
const by = told.by ? { by: told.by } : {};
const KEPT = "voc-said";

/** Says something on the next page: a change is seen on a page that was made after it. */
function later(text, event) {
  try { sessionStorage.setItem(KEPT, JSON.stringify({ text, event })); } catch { /* storage may be refused */ }
}

async function undo(event) {
  await send("POST", `/v1/topics/changes/${event}/undo`, { ...by });
  later(told.undone, null);
  location.reload();
}

const value = (form, name) => form.elements[name].value.trim();
const pair = (form, name) => Object.fromEntries(
  ["vi", "en"].map((code) => [code, value(form, `${name}.${code}`)]).filter(([, said]) => said),
);
/** The body of each decision, what is said after it, and where it leads. */
const DECISIONS = {
  rename: (form) => ({ body: { name: pair(form, "name"), remit: pair(form, "remit") }, said: told.renamed }),
  merge: (form) => ({
    body: { into: value(form, "into") }, said: told.merged,
    to: form.elements.into.dataset.to.replace("KEY", encodeURIComponent(value(form, "into"))),
  }),
  move: (form) => ({ body: { department: value(form, "department") || null }, said: told.moved }),
};

for (const button of document.querySelectorAll("[data-opens]")) {
  button.hidden = false;
  button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
}
for (const button of document.querySelectorAll("[data-closes]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
for (const form of document.querySelectorAll("[data-decides]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { body, said, to } = DECISIONS[form.dataset.decides](form);
    const reason = value(form, "reason");
    const problem = form.querySelector(".problem");
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      const made = await send("POST", form.dataset.url, { ...by, ...body, ...(reason && { reason }) }, { quiet: true });
      later(said, made.number);
      if (to) location.assign(to);
      else location.reload();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
      button.disabled = false;
    }
  });
}
for (const button of document.querySelectorAll("button[data-undo]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try { await undo(button.dataset.undo); } catch { button.disabled = false; }
  });
}

// What the page before had to say.
let kept = null;
try {
  kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  sessionStorage.removeItem(KEPT);
} catch { /* nothing was kept */ }
if (kept?.text) {
  const action = kept.event && told.undo ? { label: told.undo, run: () => undo(kept.event).catch(() => {}) } : null;
  toast(kept.text, { action, ms: 12000 });
}
