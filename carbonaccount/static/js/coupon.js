/* How old the code on the screen is: a picture of the page stands still, the page does not. Counted
   from when the part came, so that a phone with a wrong clock shows the right age. */
"use strict";

const cameAt = new WeakMap();

function showAge(line) {
  if (!cameAt.has(line)) {
    cameAt.set(line, performance.now());
  }
  const seconds = Math.floor((performance.now() - cameAt.get(line)) / 1000);
  const shown = line.querySelector("[data-age-seconds]");
  shown.textContent = shown.dataset.text.replace("{seconds}", seconds);
  const stale = line.parentElement.querySelector("[data-age-stale]");
  stale.hidden = seconds < Number(stale.dataset.ageStale);
}

function showAges() {
  document.querySelectorAll("[data-age]").forEach(showAge);
}

document.addEventListener("DOMContentLoaded", showAges);
document.addEventListener("htmx:afterSwap", showAges);
setInterval(showAges, 1000);
