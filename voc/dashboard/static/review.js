// The review queue: one feedback at a time. A decision is shown as made at once and sent meanwhile; one that the
// service does not take comes back. What somebody else decided first is left as it is.

import { send, toast } from "./voc.js";

const brought = JSON.parse(document.getElementById("brought").textContent);
const { texts } = brought;
const $ = (id) => document.getElementById(id);
const percent = new Intl.NumberFormat(brought.locale, { style: "percent" });
const number = new Intl.NumberFormat(brought.locale);
const moment = new Intl.DateTimeFormat(brought.locale, {
  day: "2-digit", month: brought.locale.startsWith("vi") ? "2-digit" : "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone: "UTC",
});
const departments = new Map(brought.departments.map((one) => [one.key, one]));
const why = (error) => (error.status === 0 ? texts.unreachable : error.message);
const say = (name, values = {}) => Object.entries(values).reduce((text, [key, value]) => text.replace(`{${key}}`, value), texts[name]);

/** What is to be shown, the first now; what was done, the last at the end: {item, owner, sent} or {item, skipped}. */
let queue = [];
let done = [];
let skipped = new Map();
let cursor = null;
let isRead = false;
let reading = null;
let left = 0;
let decided = 0;
let pending = 0;
const evidence = new Map();
const seen = new Set();

// ---- reading

/** Reads on when little is left. The most informative are put in order anew each time, so those come from the start. */
function readOn() {
  if (reading || isRead || queue.length > 5) return reading;
  const url = new URL(brought.queue, location.href);
  const isAnew = url.searchParams.get("order") === "most_informative";
  if (isAnew) url.searchParams.set("limit", String(Math.min(500, 20 + queue.length + skipped.size + pending)));
  else if (cursor) url.searchParams.set("cursor", cursor);
  reading = send("GET", url, undefined, { quiet: true }).then((page) => {
    const fresh = page.items.filter((one) => !seen.has(one.feedback.id));
    for (const one of fresh) seen.add(one.feedback.id);
    queue.push(...fresh);
    cursor = page.next;
    isRead = isAnew ? fresh.length === 0 : page.next === null;
    left = Math.max(page.waiting - pending, queue.length);
    reading = null;
    show();
  }, (error) => {
    reading = null;
    isRead = true;
    toast(say("unread", { reason: why(error) }), { bad: true, ms: 0 });
    show();
  });
  return reading;
}

/** The words that speak for each department; of the next one too, so that they are there when it is. */
function learn(item) {
  const key = item?.feedback.id;
  if (!key || evidence.has(key)) return;
  evidence.set(key, null);
  send("GET", `${brought.feedback}${encodeURIComponent(key)}/evidence`, undefined, { quiet: true }).then((found) => {
    evidence.set(key, found);
    if (queue[0]?.feedback.id === key) mark(queue[0]);
  }, () => { /* it can be decided without */ });
}

// ---- showing

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function chip(key) {
  const one = departments.get(key);
  return element("span", `chip dept dept-${one?.slot ?? 0}`, one?.name ?? key);
}

/** Offsets are in code points, as everywhere in the service. */
function words(item) {
  const letters = Array.from(item.feedback.text);
  const found = evidence.get(item.feedback.id);
  const parts = item.analysis.segments;
  const strong = (found?.segments ?? []).flatMap((one) => one.words);
  const edges = new Set([0, letters.length, ...parts.flatMap((one) => [one.start, one.end]), ...strong.flatMap((one) => [one.start, one.end])]);
  const cuts = [...edges].sort((a, b) => a - b);
  return cuts.slice(0, -1).map((start, at) => {
    const text = letters.slice(start, cuts[at + 1]).join("");
    const part = parts.find((one) => one.start <= start && start < one.end);
    const isStrong = strong.some((one) => one.start <= start && start < one.end);
    if (!part?.department && !isStrong) return text;
    const slot = departments.get(part?.department)?.slot;
    const piece = element("mark", `${slot ? `dept dept-${slot}` : ""}${isStrong ? " strong" : ""}`, text);
    if (part?.department) piece.title = departments.get(part.department)?.name ?? part.department;
    return piece;
  });
}

function answer(owner, content, key) {
  const button = element("button", "answer");
  button.type = "button";
  button.dataset.owner = JSON.stringify(owner);
  if (key) button.append(element("kbd", "", key), " ");
  button.append(...content);
  return button;
}

/** The surest answer, which may be that nobody has to answer. */
function surest(item) {
  const { owner, owner_confidence: sure, candidates } = item.analysis;
  const first = candidates[0];
  return !first || (owner === null && sure > first.confidence) ? null : first.department;
}

function mark(item) {
  $("words").replaceChildren(...words(item));
  const found = evidence.get(item.feedback.id);
  for (const place of $("candidates").querySelectorAll("[data-words]")) {
    const claim = found?.owners.find((one) => one.department === place.dataset.words);
    const strongest = (claim?.words ?? []).toSorted((a, b) => b.weight - a.weight).slice(0, 4);
    place.textContent = strongest.length ? `${texts.because} ${strongest.map((one) => `“${one.text}”`).join(" ")}` : "";
  }
}

function show() {
  const item = queue[0];
  const isBusy = !item && (!isRead || reading);
  $("item").hidden = !item;
  $("waits").hidden = !isBusy;
  $("done").hidden = Boolean(item) || isBusy;
  $("skipped-note").hidden = skipped.size === 0;
  for (const one of document.querySelectorAll("[data-undo]")) one.disabled = done.length === 0;
  document.querySelector(".progress").hidden = isBusy && !decided;
  $("bar").max = Math.max(decided + left, 1);
  $("bar").value = decided;
  $("decided").textContent = say("decided", { count: number.format(decided) });
  $("left").textContent = say("left", { count: number.format(left) });
  if (!item) {
    if (!isBusy) $("done").focus();
    return;
  }
  const { feedback, analysis } = item;
  $("which").textContent = say("of", { moment: moment.format(new Date(feedback.occurred_at)) });
  $("marks").replaceChildren(element("span", "note", feedback.source), element("span", `chip feel feel-${analysis.sentiment}`, brought.sentiments[analysis.sentiment]));
  $("words").lang = ["vi", "en"].includes(analysis.language) ? analysis.language : "";
  const topics = [...new Set(analysis.segments.map((one) => one.topic).filter(Boolean))];
  $("topics").replaceChildren(...topics.map((key) => element("span", "chip topic", brought.topics[key] ?? key)));
  const best = surest(item);
  const chosen = analysis.candidates.map((one) => one.department);
  $("candidates").replaceChildren(...analysis.candidates.map((one, at) => {
    const reason = element("span", "note");
    reason.dataset.words = one.department;
    const how = brought.certainties.find(([least]) => one.confidence >= least)?.[1] ?? "";
    const button = answer(one.department, [chip(one.department), element("strong", "figure", percent.format(one.confidence)), element("span", "aside", how), reason], String(at + 1));
    if (one.department === best) button.append(element("kbd", "enter", "Enter"));
    return button;
  }));
  $("nobody").textContent = analysis.owner === null ? percent.format(analysis.owner_confidence) : "";
  $("others").replaceChildren(...brought.departments.filter((one) => !chosen.includes(one.key)).map((one) => answer(one.key, [chip(one.key)], one.letter)));
  $("page").href = brought.page.replace("KEY", encodeURIComponent(feedback.id));
  mark(item);
  learn(item);
  learn(queue[1]);
  readOn();
}

/** The next one has the focus, so that it is read out and Enter decides it. */
function turn() {
  document.querySelector(".others").open = false;
  show();
  if (queue[0]) $("which").focus({ preventScroll: true });
}

// ---- deciding

function path(item) {
  return `${brought.feedback}${encodeURIComponent(item.feedback.id)}/corrections`;
}

function decide(owner) {
  const item = queue.shift();
  if (!item) return;
  const step = { item, owner };
  done.push(step);
  decided += 1;
  left = Math.max(left - 1, 0);
  pending += 1;
  $("said").textContent = owner ? say("given", { department: departments.get(owner)?.name ?? owner }) : texts.given_nobody;
  const body = { owner, unless_decided: true, ...(brought.by ? { by: brought.by } : {}) };
  step.sent = send("POST", path(item), body, { quiet: true }).then((found) => {
    const held = found.corrections.filter((one) => one.field === "owner" && one.segment === null && one.withdrawn_at === null);
    step.number = Math.max(...held.map((one) => one.number));
    return true;
  }, (error) => {
    done = done.filter((one) => one !== step);
    decided -= 1;
    const isGone = ["feedback_decided", "feedback_unknown", "feedback_erased"].includes(error.code);
    if (isGone) {
      const link = brought.page.replace("KEY", encodeURIComponent(item.feedback.id));
      toast(error.code === "feedback_decided" ? texts.meanwhile : error.message, { action: { label: texts.open, run: () => location.assign(link) } });
    } else {
      left += 1;
      queue.unshift(item);
      toast(say("failed", { reason: why(error) }), { bad: true });
    }
    show();
    return false;
  }).finally(() => { pending -= 1; });
  turn();
}

function skip() {
  const item = queue.shift();
  if (!item) return;
  skipped.set(item.feedback.id, item);
  done.push({ item, skipped: true });
  $("said").textContent = texts.skipped;
  turn();
}

async function undo() {
  const step = done.pop();
  if (!step) { toast(texts.nothing); return; }
  if (step.skipped) skipped.delete(step.item.feedback.id);
  else {
    if (!(await step.sent)) return;
    const query = brought.by ? `?by=${encodeURIComponent(brought.by)}` : "";
    try {
      await send("DELETE", `${path(step.item)}/${step.number}${query}`);
    } catch (error) {
      if (error.code !== "correction_withdrawn") { done.push(step); show(); return; }
    }
    decided -= 1;
    left += 1;
  }
  queue.unshift(step.item);
  $("said").textContent = texts.undone;
  turn();
}

function again() {
  queue.push(...skipped.values());
  done = done.filter((one) => !one.skipped);
  skipped = new Map();
  turn();
}

// ---- hands

const dialog = $("keys");
document.querySelector("[data-keys]").addEventListener("click", () => dialog.showModal());
document.querySelector("[data-skip]").addEventListener("click", skip);
document.querySelector("[data-again]").addEventListener("click", again);
for (const one of document.querySelectorAll("[data-undo]")) one.addEventListener("click", undo);
$("item").addEventListener("click", (event) => {
  const button = event.target.closest(".answer");
  if (button) decide(JSON.parse(button.dataset.owner));
});

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
  if (event.target.closest("input, select, textarea, [contenteditable]")) return;
  const isOnControl = event.target.closest("button, a, summary");
  const { key } = event;
  const item = queue[0];
  const letter = brought.departments.find((one) => one.letter === key.toLowerCase());
  if (key === "?") dialog.showModal();
  else if (key === "u" || key === "U") undo();
  else if (event.repeat || !item) return;
  else if (key === "Enter" && !isOnControl) decide(surest(item));
  else if (key === "0") decide(null);
  else if (/^[1-9]$/.test(key) && item.analysis.candidates[Number(key) - 1]) decide(item.analysis.candidates[Number(key) - 1].department);
  else if (key === "s" || key === "S") skip();
  else if (letter) decide(letter.key);
  else return;
  event.preventDefault();
});

addEventListener("beforeunload", (event) => { if (pending) event.preventDefault(); });

readOn()?.then(() => queue[0] && $("which").focus({ preventScroll: true }));
