// Menus that correct: a button that says what holds, and a list to choose from, by mouse, touch or keyboard.

const fold = (text) => text.toLowerCase().replaceAll("đ", "d").normalize("NFD").replace(/\p{M}/gu, "");
let open = null;

function options(box, all = false) {
  return [...box.querySelectorAll("[role=option]")].filter((one) => all || !one.hidden);
}

function point(box, option) {
  for (const one of options(box, true)) one.classList.toggle("here", one === option);
  const holder = box.querySelector("input[role=combobox]") ?? box.querySelector("[role=listbox]");
  if (option) {
    holder.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else holder.removeAttribute("aria-activedescendant");
}

function close(back = true) {
  if (!open) return;
  const box = open;
  open = null;
  box.querySelector(".options").hidden = true;
  const button = box.querySelector("button");
  button.setAttribute("aria-expanded", "false");
  if (back) button.focus();
}

function show(box) {
  close(false);
  open = box;
  box.querySelector(".options").hidden = false;
  box.querySelector("button").setAttribute("aria-expanded", "true");
  const field = box.querySelector("input[role=combobox]");
  if (field) {
    field.value = "";
    narrow(box, "");
  }
  (field ?? box.querySelector("[role=listbox]")).focus({ preventScroll: true });
  point(box, options(box).find((one) => one.getAttribute("aria-selected") === "true") ?? options(box)[0]);
  box.querySelector(".options").scrollIntoView({ block: "nearest" });
}

function narrow(box, text) {
  const wanted = fold(text.trim());
  for (const one of options(box, true)) one.hidden = !fold(one.textContent).includes(wanted);
  point(box, options(box)[0]);
}

/** Wires all menus inside `place`; `chosen(box, value, values)` is told what was chosen, and, where several can
    be, all that hold then. */
export function wire(place, chosen) {
  for (const box of place.querySelectorAll(".choose")) wireOne(box, chosen);
}

function wireOne(box, chosen) {
  const button = box.querySelector("button");
  let typed = "";
  let typedAt = 0;
  const take = (option) => {
    const value = JSON.parse(option.dataset.value);
    let values = null;
    if ("several" in box.dataset) {
      option.setAttribute("aria-selected", String(option.getAttribute("aria-selected") !== "true"));
      values = options(box, true).filter((one) => one.getAttribute("aria-selected") === "true").map((one) => JSON.parse(one.dataset.value));
    }
    close();
    chosen(box, value, values, option.textContent.trim());
  };
  button.addEventListener("click", () => (open === box ? close() : show(box)));
  button.addEventListener("keydown", (event) => {
    if (["ArrowDown", "ArrowUp"].includes(event.key)) { event.preventDefault(); show(box); }
  });
  box.querySelector("input[role=combobox]")?.addEventListener("input", (event) => narrow(box, event.currentTarget.value));
  box.querySelector(".options").addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) take(option);
  });
  box.querySelector(".options").addEventListener("pointermove", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) for (const one of options(box, true)) one.classList.toggle("here", one === option);
  });
  box.querySelector(".options").addEventListener("keydown", (event) => {
    const there = options(box);
    const at = there.findIndex((one) => one.classList.contains("here"));
    const moves = { ArrowDown: Math.min(at + 1, there.length - 1), ArrowUp: Math.max(at - 1, 0), Home: 0, End: there.length - 1 };
    const writes = event.target.matches("input");
    const goesOn = typed !== "" && event.timeStamp - typedAt <= 900; // a blank then belongs to the name
    if (event.key in moves && !(writes && ["Home", "End"].includes(event.key))) point(box, there[moves[event.key]]);
    else if (event.key === "Enter" || (event.key === " " && !writes && !goesOn)) { if (there[at]) take(there[at]); }
    else if (event.key === "Escape") close();
    else if (event.key === "Tab") { close(false); return; }
    else if (!writes && event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) {
      typed = goesOn ? typed + event.key : event.key;
      typedAt = event.timeStamp;
      const found = there.find((one) => fold(one.textContent.trim()).startsWith(fold(typed)));
      if (found) point(box, found);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

document.addEventListener("pointerdown", (event) => { if (open && !open.contains(event.target)) close(false); });
