/* Niceties only: every page does its work without this file. Behaviour hangs on data- attributes,
   so that the content security policy can forbid scripts inside pages. */
"use strict";

document.documentElement.classList.add("js");

/* Plus, minus and quick amounts of the field they name. */
function decimals(text) {
  const point = text.indexOf(".");
  return point < 0 ? 0 : text.length - point - 1;
}

function stepField(button) {
  const field = document.getElementById(button.dataset.stepFor);
  const step = Number(button.dataset.step);
  const places = Math.max(decimals(button.dataset.step.replace("-", "")), decimals(field.value));
  const wanted = (Number(field.value) || 0) + step;
  const lowest = Number(field.dataset.minimum || 0);
  const highest = Number(field.dataset.maximum || Infinity);
  setField(field, Math.min(highest, Math.max(lowest, wanted)).toFixed(places));
}

function setField(field, value) {
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

document.addEventListener("click", (event) => {
  const step = event.target.closest("[data-step-for]");
  if (step) {
    stepField(step);
    return;
  }
  const quick = event.target.closest("[data-quick-for]");
  if (quick) {
    setField(document.getElementById(quick.dataset.quickFor), quick.dataset.value);
  }
});

/* A file that is too large is told before it is sent: what else stands in the form stays there. */
document.addEventListener("change", (event) => {
  const field = event.target.closest("input[type=file][data-most-mib]");
  if (field) {
    const most = Number(field.dataset.mostMib) * 1024 * 1024;
    if ([...field.files].some((file) => file.size > most)) {
      field.setCustomValidity(field.dataset.tooLarge);
      field.reportValidity();
      field.value = "";
    }
    field.setCustomValidity("");
  }
});

/* A button pressed twice sends once; the server books once in any case. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  if (form.matches("[data-send-once]")) {
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
  }
});

/* A page that comes back from the browser's memory may be sent again. */
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }
});

/* A part that only some choice needs, e.g. the date when neither today nor yesterday is chosen. */
function showParts() {
  for (const part of document.querySelectorAll("[data-shown-if]")) {
    const [name, value] = part.dataset.shownIf.split("=");
    const chosen = document.querySelector(`input[name="${name}"]:checked`);
    part.hidden = !(chosen && chosen.value === value);
  }
}

document.addEventListener("change", showParts);

/* Minutes and seconds until a moment. */
function countDown(element) {
  const left = Math.max(0, Math.round((Date.parse(element.dataset.until) - Date.now()) / 1000));
  const seconds = String(left % 60).padStart(2, "0");
  element.textContent = `${Math.floor(left / 60)}:${seconds}`;
}

function countDownAll() {
  for (const element of document.querySelectorAll("[data-until]")) {
    countDown(element);
  }
}

document.addEventListener("DOMContentLoaded", () => {
  showParts();
  countDownAll();
  setInterval(countDownAll, 1000);
  document.querySelector("[data-focus]")?.focus();
});
