// What htmx does not do by itself. Everything here makes easier what works without it.
"use strict";

document.documentElement.classList.add("js");

// ------------------------------------------------------------------------------------------- telling

// Say something in a corner, for a while; what has a button stays until it is used or replaced.
function tell(text, button) {
  const place = document.getElementById("told");
  const told = document.createElement("div");
  const words = document.createElement("p");
  words.textContent = text;
  told.append(words, ...(button ? [button] : []));
  place.replaceChildren(told);
  if (!button) setTimeout(() => told.remove(), 6000);
}

document.addEventListener("htmx:response:error", ({detail: {ctx}}) => {
  const isOurs = ctx.response.headers.get("content-type")?.startsWith("text/plain");
  tell(isOurs ? ctx.text : "This did not work just now. Please try again.");
});
document.addEventListener("htmx:error", ({detail}) => {
  if (detail.error?.name !== "AbortError") tell("We cannot be reached. Please try again when you are online.");
});

// -------------------------------------------------------------------------------------------- forms

// What nobody filled in stays out of addresses.
document.addEventListener("htmx:config:request", ({detail: {ctx}}) => {
  if (ctx.request.method !== "GET") return;
  for (const [name, value] of [...ctx.request.body]) if (value === "") ctx.request.body.delete(name);
});

document.addEventListener("click", async ({target}) => {
  const button = target.closest("[data-copies]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copies);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy"); // where the clipboard is closed to us, as over plain HTTP
  }
  tell("Copied.");
});

// -------------------------------------------------------------------------------------------- dialog

const dialog = document.getElementById("dialog");
document.addEventListener("htmx:after:swap", ({detail: {ctx}}) => {
  if (ctx.target?.id === "dialog-body" && !dialog.open) dialog.showModal();
});
// A click beside it closes it, as people expect.
dialog.addEventListener("click", ({target}) => target === dialog && dialog.close());
dialog.addEventListener("close", () => document.getElementById("dialog-body").replaceChildren());

for (const menu of document.querySelectorAll("details.menu")) {
  document.addEventListener("click", ({target}) => menu.contains(target) || (menu.open = false));
  menu.addEventListener("keydown", ({key}) => {
    if (key === "Escape") (menu.open = false), menu.firstElementChild.focus();
  });
}

// ------------------------------------------------------------------------------------------ pictures

// A card that is still being drawn is answered with a placeholder and "try again": so we do, a few times.
const tries = new Map();
function again({name, responseStatus}) {
  const count = tries.get(name) ?? 0;
  if (responseStatus !== 503 || count === 4) return;
  tries.set(name, count + 1);
  setTimeout(() => {
    for (const picture of document.images) if (picture.currentSrc === name) reload(picture);
  }, 2000 * 2 ** count + 1000 * Math.random());
}
function reload(picture) {
  const fresh = picture.closest("picture")?.cloneNode(true);
  if (fresh) picture.closest("picture").replaceWith(fresh);
  else picture.replaceWith(picture.cloneNode());
}
new PerformanceObserver((seen) => seen.getEntries().forEach(again)).observe({type: "resource", buffered: true});

// ------------------------------------------------------------------------------------------- closing

// A page that was closed to us while we looked elsewhere is not shown on: ask when somebody comes back to it.
document.addEventListener("visibilitychange", async () => {
  if (document.hidden || !document.querySelector("[data-may-close]")) return;
  const answer = await fetch(location.href, {method: "HEAD"}).catch(() => null);
  if (answer?.status === 404) location.reload();
});
