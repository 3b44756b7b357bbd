/* The rule editor: a factor that is chosen brings its number with it. Everything else is htmx, and
   every page does its work without this file. */
"use strict";

document.addEventListener("change", (event) => {
  const select = event.target;
  if (select.matches("select[data-takes]")) {
    const form = select.form;
    form.requestSubmit(form.querySelector("button[value=check]"));
  }
});
