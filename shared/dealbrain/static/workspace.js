// The workspace: keys, dragging, and what is chosen. Only its owner loads this.
"use strict";

const rows = () => [...document.querySelectorAll("#items .item")];
const statusOf = (row, number) => row.querySelector(`.status button:nth-of-type(${number})`);

// ---------------------------------------------------------------------------------------------- keys

let here = null; // the item last in focus, by its id: it survives being drawn anew

document.addEventListener("focusin", ({target}) => {
  const row = target.closest?.("#items .item");
  if (row) here = row.id;
});

function go(by) {
  const all = rows();
  const at = all.findIndex((row) => row.id === here);
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
  next?.querySelector("h3 a").focus();
  next?.scrollIntoView({block: "nearest"});
}

const inFocus = () => document.activeElement.closest("#items .item");
const KEYS = {
  j: () => go(1),
  k: () => go(-1),
  x: () => inFocus()?.querySelector("input[name=item]").click(),
};
for (const number of [1, 2, 3, 4]) {
  KEYS[number] = () => {
    const row = inFocus();
    if (!row) return;
    const button = statusOf(row, number);
    button.click();
    tell(`${row.querySelector("h3").textContent}: ${button.value}`);
  };
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, dialog");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  // A key that is held goes on through the offers, and changes none of them again and again.
  if (event.repeat && !"jk".includes(event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});

// -------------------------------------------------------------------------------------------- choosing

function countChosen() {
  const bulk = document.getElementById("bulk");
  if (!bulk) return;
  const chosen = document.querySelectorAll("input[name=item]:checked").length;
  bulk.querySelector(".chosen b").textContent = chosen;
  bulk.classList.toggle("any", chosen > 0);
}
document.addEventListener("change", ({target}) => target.name === "item" && countChosen());
document.addEventListener("htmx:after:swap", countChosen);
countChosen();

// -------------------------------------------------------------------------------- what changes the collection

// Statuses, notes and orders go one after the other (hx-sync). Each says the state of the collection it rests on,
// when it is sent: what those before it made of it, and not what another window did.
document.addEventListener("htmx:before:request", ({detail: {ctx}}) => {
  const revision = document.getElementById("revision");
  if (!revision || !ctx.sourceElement.matches("#order, .status, [data-saves]")) return;
  ctx.request.body.set("revision", revision.value);
  // It is not taken back by leaving the page.
  ctx.request.keepalive = true;
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches(".status")) return;
  event.preventDefault();
  const values = {status: event.submitter.value};
  htmx.ajax("POST", form.getAttribute("action"), {source: form, target: form, swap: "outerMorph", values});
});

// ------------------------------------------------------------------------------------------- arranging

// Only the state is answered: rows that were moved meanwhile stay where they are.
let later = 0;
function sendOrder() {
  clearTimeout(later);
  later = 0;
  const order = document.getElementById("order");
  const items = [...document.querySelectorAll("table[data-sortable] tr.item")].map((row) => row.id.slice(5)).join(",");
  if (!order || !items) return;
  return htmx.ajax("POST", order.getAttribute("action"), {source: order, swap: "none", values: {items}});
}

document.addEventListener("keydown", (event) => {
  const handle = event.target.closest(".handle");
  const step = {ArrowUp: -1, ArrowDown: 1}[event.key];
  if (!handle || !step) return;
  event.preventDefault();
  const row = handle.closest("tr");
  const beside = step < 0 ? row.previousElementSibling : row.nextElementSibling;
  if (!beside) return;
  step < 0 ? beside.before(row) : beside.after(row);
  handle.focus();
  const place = [...row.parentNode.children].indexOf(row) + 1;
  tell(`Now at place ${place} of ${row.parentNode.children.length}.`);
  // Several steps in a row are one order.
  clearTimeout(later);
  later = setTimeout(sendOrder, 500);
});

// What drags is large, and who reads does not drag: it comes with the first move of a mouse or touch of a finger.
async function makeSortable() {
  const table = document.querySelector("table[data-sortable]");
  if (!table) return;
  await import(table.dataset.sortable);
  const [body] = table.tBodies;
  Sortable.get(body) ?? Sortable.create(body, {handle: ".handle", animation: 150, forceFallback: true, onEnd: sendOrder});
}
addEventListener("pointerover", () => {
  makeSortable();
  document.addEventListener("htmx:after:swap", makeSortable);
}, {once: true});

const showAnew = () => htmx.ajax("GET", location.pathname + location.search, {target: "#items", select: "#items", swap: "outerHTML"});
// What another window did is not written over: show what is there now. Moves that waited rest on what was refused.
let isOutdated = false;
document.addEventListener("htmx:response:error", async ({detail: {ctx}}) => {
  if (ctx.response.status !== 409 || ctx.sourceElement?.id !== "order") return;
  isOutdated = true;
  await showAnew();
  isOutdated = false;
});
document.addEventListener("htmx:before:request", (event) => {
  if (isOutdated && event.detail.ctx.sourceElement.id === "order") event.preventDefault();
});

// ---------------------------------------------------------------------------------------------- notes

document.addEventListener("toggle", async ({target}) => {
  const link = target.open && target.matches(".notes") && target.querySelector("a");
  if (!link) return;
  await htmx.ajax("GET", link.getAttribute("href"), {source: link, target: link, select: "form[data-saves]", swap: "outerHTML"});
  target.querySelector("textarea")?.focus();
}, true);

const notesOf = ({sourceElement}) => (sourceElement?.matches("[data-saves]") ? sourceElement : null);
const say = (form, words) => form && (form.querySelector(".saved").textContent = words);
const notesIn = (form) => [...form.querySelectorAll("[data-was]")];
const was = (field) => field.form.elements[field.dataset.was];
const wordsOf = (form) => notesIn(form).map(({value}) => value).filter(Boolean).join(" · ");
const isWritten = (form) => notesIn(form).some((field) => field.value !== was(field).value);
const onTheWay = new WeakMap(); // what is being saved of a form's notes
const refused = new WeakSet(); // forms whose notes were not saved when they were last sent

document.addEventListener("htmx:before:request", (event) => {
  const {ctx} = event.detail;
  const form = notesOf(ctx);
  if (!form) return;
  const {body} = ctx.request;
  // Who leaves a field that has saved itself changes nothing.
  if (notesIn(form).every((field) => body.get(field.name) === was(field).value)) return event.preventDefault();
  say(form, "Saving …");
  // It may have waited for the one before it, and rests on what that has written.
  for (const field of notesIn(form)) body.set(field.dataset.was, was(field).value);
  onTheWay.set(form, new URLSearchParams(body));
});
for (const event of ["htmx:response:error", "htmx:error"]) {
  document.addEventListener(event, ({detail: {ctx}}) => {
    const form = ctx && notesOf(ctx);
    say(form, "Not saved");
    if (form) refused.add(form);
  });
}
document.addEventListener("htmx:finally:request", ({detail: {ctx}}) => onTheWay.delete(ctx.sourceElement));
document.addEventListener("htmx:after:request", ({detail: {ctx}}) => {
  const form = notesOf(ctx);
  if (!form) return;
  // Sent as a page, what another window was faster with is answered beside what was typed.
  const both = form.querySelector("[type=button]");
  both.hidden = ctx.response.status !== 409;
  both.onclick = () => (refused.delete(form), form.submit());
  if (ctx.response.status >= 400) return;
  say(form, "Saved");
  refused.delete(form);
  // From now on this is what was seen.
  for (const field of notesIn(form)) was(field).value = onTheWay.get(form).get(field.name) ?? "";
  const short = form.closest("details")?.querySelector("summary bdi");
  if (short) short.textContent = wordsOf(form) || form.dataset.saves;
});

// The last words before somebody leaves, or before what is shown is replaced, are not waited for any more, but sent.
// They rest on what was seen, or on what is on its way and may be there by then.
function sendLastWords(within) {
  for (const form of within.querySelectorAll("[data-saves]")) {
    if (!isWritten(form)) continue;
    const words = wordsOf(form);
    const body = new URLSearchParams(new FormData(form));
    for (const field of notesIn(form)) {
      const before = onTheWay.get(form)?.get(field.name);
      if (before != null) body.append(field.dataset.was, before);
    }
    // What was saved is answered with the way back to the collection.
    fetch(form.action, {method: "POST", body, keepalive: true, redirect: "manual"})
      .catch(() => ({}))
      .then(({type}) => type === "opaqueredirect" || tell(`A note was not saved: ${words}`));
  }
}
addEventListener("pagehide", () => {
  if (later) sendOrder();
  sendLastWords(document);
});
document.addEventListener("htmx:before:swap", ({detail: {ctx}}) => {
  if (notesOf(ctx) || !(ctx.target instanceof Element) || ctx.swap === "none") return;
  // What is about to be shown does not know of a move that still waits.
  if (later && ctx.target.querySelector("#order")) sendOrder().then(showAnew);
  sendLastWords(ctx.target);
});
// Nor would leaving save what was refused before.
addEventListener("beforeunload", (event) => {
  for (const form of document.querySelectorAll("[data-saves]")) {
    if (refused.has(form) && isWritten(form)) event.preventDefault();
  }
});

// ----------------------------------------------------------------------------------------------- edit

document.addEventListener("click", ({target}) => {
  const opener = target.closest("[data-opens]");
  if (!opener) return;
  opener.closest("details.menu")?.removeAttribute("open");
  const place = document.getElementById(opener.dataset.opens);
  place.removeAttribute("data-hidden");
  place.querySelector("input, textarea").focus();
});
