/* Single keys for reviewing: what has data-key is pressed or opened by that key; after d the digits
   choose a reason. Everything works without this file, and the keys can be switched off. */
"use strict";

const STORED = "review-keys";
const keySwitch = document.querySelector("[data-keys-switch]");
let declining = false;

function typing(target) {
  return target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select") !== null;
}

function press(key) {
  const element = document.querySelector(`[data-key="${key}"]`);
  if (!element) {
    return false;
  }
  declining = element.matches("fieldset");
  element.classList.toggle("is-chosen", declining);
  if (declining) {
    element.focus();
  } else {
    element.click();
  }
  return true;
}

function choose(digit) {
  const radio = document.querySelector(`[data-digit="${digit}"]`);
  if (!declining || !radio) {
    return false;
  }
  radio.checked = true;
  if (radio.dataset.needs) {
    document.getElementById(radio.dataset.needs).focus();
  } else {
    radio.form.requestSubmit();
  }
  return true;
}

document.addEventListener("keydown", (event) => {
  const off = keySwitch && !keySwitch.checked;
  if (off || event.ctrlKey || event.metaKey || event.altKey || event.repeat) {
    return;
  }
  if (typing(event.target)) {
    return;
  }
  if (choose(event.key) || press(event.key)) {
    event.preventDefault();
  }
});

if (keySwitch) {
  keySwitch.closest("[hidden]").hidden = false;
  keySwitch.checked = localStorage.getItem(STORED) !== "off";
  keySwitch.addEventListener("change", () => {
    localStorage.setItem(STORED, keySwitch.checked ? "on" : "off");
  });
}
