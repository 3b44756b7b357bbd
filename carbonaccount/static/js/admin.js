/* Niceties of the panel; every page does its work without them. Behaviour hangs on data- attributes. */
"use strict";

/* The menu of small screens; without this file it is always open. */
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-toggle]");
  if (button) {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    document.getElementById(button.dataset.toggle).classList.toggle("is-open", open);
  }
});

/* A file that the server would refuse for its size is said so before it is sent. */
document.addEventListener("change", (event) => {
  const input = event.target;
  if (!input.matches("input[type=file][data-max-bytes]")) {
    return;
  }
  const file = input.files[0];
  const large = file && file.size > Number(input.dataset.maxBytes);
  input.setCustomValidity(large ? input.dataset.tooLarge : "");
  if (large) {
    input.reportValidity();
  }
});
