() => {
  const runs = link => /^\s*j\s*a\s*v\s*a/i.test(link?.getAttribute("href") ?? link?.getAttribute("formaction") ?? "");
  // What is clicked runs what it has to, and leads nowhere.
  addEventListener("click", event => runs(event.target.closest("[href]:not(math *), [formaction]")) || event.preventDefault(), {capture: true});
  const waits = [...document.querySelectorAll("*")].filter(one => [...one.attributes].some(({name}) => /^on|hx-on/i.test(name)));
  for (const one of waits) for (const {name} of [...one.attributes]) {
    if (/^on/i.test(name)) one.dispatchEvent(new Event(name.slice(2).toLowerCase()));
    if (/hx-on/i.test(name)) one.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}));
  }
  const links = [...document.querySelectorAll("a, button")].filter(runs);
  for (const one of links) one.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}));
}
