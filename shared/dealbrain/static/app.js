// What htmx does not do by itself. Everything here makes easier what works without it.
"use strict";

// ------------------------------------------------------------------------------------------- telling

// Say something in a corner, for a while.
function tell(text) {
  const place = document.getElementById("told");
  const told = document.createElement("div");
  const words = document.createElement("p");
  words.textContent = text;
  told.append(words);
  // Of what stands beside an open dialog nothing is seen or heard.
  const home = dialog.open ? dialog : document.body;
  if (place.parentNode !== home) home.append(place);
  place.replaceChildren(told);
  setTimeout(() => told.remove(), 6000);
}

const OFFLINE = "We cannot be reached. Please try again when you are online.";
document.addEventListener("htmx:response:error", ({detail: {ctx}}) => {
  // The page is being left for where one signs in.
  if (ctx.hx.redirect) return;
  // What was being read is gone: the page says so, once.
  if (ctx.sourceElement.id === "reading" && [404, 410].includes(ctx.response.status)) return location.reload();
  const isOurs = ctx.response.headers.get("content-type")?.startsWith("text/plain");
  tell(isOurs ? ctx.text : "This did not work just now. Please try again.");
});
document.addEventListener("htmx:error", ({detail}) => {
  if (detail.error?.name !== "AbortError") tell(OFFLINE);
});

// -------------------------------------------------------------------------------------------- forms

// What was sent is not sent again by who clicks twice, or while the answer takes its time. Forms that htmx sends say
// so by hx-sync.
let sent = new WeakMap();
document.addEventListener("submit", (event) => {
  const {target: form, submitter, timeStamp} = event;
  if (event.defaultPrevented || (submitter?.formMethod || form.method) !== "post") return;
  if (timeStamp - sent.get(form) < 30000) event.preventDefault();
  else sent.set(form, timeStamp);
});
// Who comes back to a page that was kept may send it anew.
addEventListener("pageshow", ({persisted}) => persisted && (sent = new WeakMap()));

// What is wrong is seen, or nobody would learn why nothing is sent.
document.addEventListener("invalid", ({target}) => target.closest("details")?.setAttribute("open", ""), true);

// What nobody filled in stays out of addresses.
document.addEventListener("htmx:config:request", ({detail: {ctx}}) => {
  if (ctx.request.method !== "GET") return;
  for (const [name, value] of [...ctx.request.body]) if (value === "") ctx.request.body.delete(name);
});

// One goes back to another page, not to the same again, nor to what was refused.
document.addEventListener("htmx:before:history:update", (event) => {
  const {history: {path}, response} = event.detail;
  if (response.status >= 400 || path === location.pathname + location.search) event.preventDefault();
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
  if (ctx.target?.id === "dialog-body" && !dialog.open && ctx.response.status < 400) dialog.showModal();
  if (dialog.contains(ctx.sourceElement) && ctx.request.method !== "GET") dialog.dataset.changed = "";
});
// Who goes by keys stays about where they were, though what held the focus is gone with what it stood in.
let focused = null;
document.addEventListener("htmx:before:swap", ({detail: {ctx}}) => {
  focused = document.activeElement;
  // A piece of another page gives this one no title.
  if (!ctx.push && ctx.target?.id !== "main") ctx.title = null;
});
document.addEventListener("htmx:after:swap", ({detail: {ctx}}) => {
  if (!focused || focused.isConnected || document.activeElement !== document.body) return;
  // In the place of "More" stands the first of what there is more of.
  if (ctx.target?.id === "more") return ctx.sourceElement.querySelector("h3 a")?.focus();
  const place = ctx.target?.id && document.getElementById(ctx.target.id);
  if (!place) return;
  place.tabIndex = -1;
  place.focus({preventScroll: true});
});
// A click beside it closes it, as people expect; not one on its margin, nor a selection that ends outside.
let isBeside = false;
dialog.addEventListener("pointerdown", ({clientX: x, clientY: y}) => {
  const {left, right, top, bottom} = dialog.getBoundingClientRect();
  isBeside = x < left || x > right || y < top || y > bottom;
});
dialog.addEventListener("click", ({target}) => target === dialog && isBeside && dialog.close());
dialog.addEventListener("close", () => {
  document.getElementById("dialog-body").replaceChildren();
  if (!("changed" in dialog.dataset)) return;
  delete dialog.dataset.changed;
  // What the page below says is not so any more. It is morphed, so that the focus stays where it returned to.
  htmx.ajax("GET", location.pathname + location.search, {target: "#main", select: "#main", swap: "outerMorph"});
});

for (const menu of document.querySelectorAll("details.menu")) {
  document.addEventListener("click", ({target}) => (menu.contains(target) && !target.closest("[hx-get]")) || (menu.open = false));
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
// A browser shows what it once got for an address again, in the same page, without asking; it asks anew for a
// picture that is to be fetched in another way. For one of ours both ways are the same.
function reload(picture) {
  picture.crossOrigin = picture.crossOrigin ? null : "use-credentials";
}
new PerformanceObserver((seen) => seen.getEntries().forEach(again)).observe({type: "resource", buffered: true});

// ------------------------------------------------------------------------------------------- closing

// A page that was closed to us while we looked elsewhere is not shown on: ask when somebody comes back to it.
document.addEventListener("visibilitychange", async () => {
  if (document.hidden || !document.querySelector("[data-may-close]")) return;
  const answer = await fetch(location.href, {method: "HEAD"}).catch(() => null);
  if (answer?.status === 404) location.reload();
});

// ----------------------------------------------------------------------------------------- importing

// One choice for all rows: as the form's own "for all" does it (deciding.py) where no script runs.
document.addEventListener("click", ({target}) => {
  const forAll = target.closest("[data-all]")?.dataset.all;
  if (!forAll) return;
  for (const select of document.querySelectorAll("select[data-suggested]")) {
    const fitting = [...select.options].find(({value}) => value.split("-")[0] === forAll);
    select.value = fitting?.value ?? select.dataset.suggested;
  }
  tell("Every row is set; change single ones as you like.");
});

const bring = document.getElementById("bring");
if (bring) takeFiles(bring);

function takeFiles(form) {
  const {file: field, text} = form.elements;
  const kinds = JSON.parse(form.dataset.kinds);

  // A file let go anywhere on the page is meant for the only field that takes one.
  const holdsFiles = ({dataTransfer}) => dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    form.classList.add("dropping");
  });
  document.addEventListener("dragleave", ({relatedTarget}) => relatedTarget || form.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    form.classList.remove("dropping");
    field.files = event.dataTransfer.files;
    form.requestSubmit();
  });

  const place = document.getElementById("sending");
  addEventListener("pageshow", ({persisted}) => persisted && show());
  form.addEventListener("submit", (event) => {
    // One at a time.
    if (!place.hidden) return event.preventDefault();
    const [file] = field.files;
    const size = file?.size ?? new Blob([text.value]).size;
    if (size <= Number(form.dataset.formMost)) return;
    event.preventDefault();
    if (!file) return tell("So much cannot be pasted. Save it as a file, and bring that.");
    sendLarge(file).catch(({name, message}) => (show(), tell(name === "TypeError" ? OFFLINE : message)));
  });

  function show(sentence, done) {
    place.hidden = !sentence;
    place.firstElementChild.textContent = sentence;
    const bar = place.lastElementChild;
    if (done === undefined) bar.removeAttribute("value");
    else bar.value = done;
  }

  // What is too large for a form goes to the store, to an address made for it; then it is read from there.
  async function sendLarge(file) {
    if (file.size > Number(form.dataset.uploadMost)) throw Error("This file is larger than 20 MB. Split it, and bring its parts.");
    const kind = kinds[file.name.split(".").pop().toLowerCase()];
    if (!kind) throw Error(`A file so large is one of these: ${Object.keys(kinds).join(", ")}.`);
    show("Sending …", 0);
    const about = JSON.stringify({file_name: file.name.slice(-255), size: file.size, content_type: kind});
    const asked = await fetch("/v1/uploads", {method: "POST", headers: {"Content-Type": "application/json"}, body: about});
    if (asked.status === 401) throw Error("You are not signed in any more. Sign in in another tab, and try again here.");
    const upload = await asked.json().catch(() => ({}));
    if (!asked.ok) throw Error(upload.detail ?? "This did not work just now. Please try again.");
    await send(upload, file);
    await read(upload.upload_id);
  }

  // By the old way of sending, the only one that tells how far it is.
  const send = ({url, fields}, file) =>
    new Promise((resolve, reject) => {
      const sent = new FormData();
      for (const [name, value] of Object.entries(fields)) sent.append(name, value);
      sent.append("file", file);
      const request = new XMLHttpRequest();
      request.upload.onprogress = ({loaded, total}) => show("Sending …", Math.floor((100 * loaded) / total));
      request.onload = () => (request.status < 300 ? resolve() : reject(Error("The file was not taken. Please try again.")));
      request.onerror = () => reject(Error("The file could not be sent. Please try again."));
      request.open("POST", url);
      request.send(sent);
    });

  async function read(id) {
    show("Reading …");
    const address = `/import/${id}`;
    const asking = setInterval(() => look(address).catch(() => {}), 1000);
    const sent = new FormData();
    sent.append("upload_id", id);
    const answer = await fetch(form.action, {method: "POST", body: sent, redirect: "manual"}).finally(() => clearInterval(asking));
    if (answer.type === "opaqueredirect") return location.assign(address);
    // Something is wrong with it: asked once more, as a page, the answer says what.
    field.value = "";
    form.elements.upload_id.value = id;
    form.submit();
  }

  async function look(address) {
    const page = new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
    const bar = page.querySelector("#reading progress[value]");
    if (bar) show(page.querySelector("#reading [role=status]").textContent, (100 * bar.value) / bar.max);
  }
}
