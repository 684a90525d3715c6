() => {
  const waits = [...document.querySelectorAll("*")].filter(one => [...one.attributes].some(({name}) => /^on|hx-on/i.test(name)));
  for (const one of waits) for (const {name} of [...one.attributes]) {
    if (/^on/i.test(name)) one.dispatchEvent(new Event(name.slice(2).toLowerCase()));
    if (/hx-on/i.test(name)) one.dispatchEvent(new MouseEvent("click", {bubbles: true}));
  }
  const runs = [...document.querySelectorAll("a, button")].filter(one => /^\s*j\s*a\s*v\s*a/i.test(one.getAttribute("href") ?? one.getAttribute("formaction") ?? ""));
  for (const one of runs) one.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}));
}
