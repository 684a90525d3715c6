() => {
  const said = one => one.outerHTML.replace(/\s+/g, " ").slice(0, 160);
  const shown = one => one.checkVisibility({visibilityProperty: true, opacityProperty: false}) && !one.closest("[aria-hidden=true]");
  const first = document.querySelector("main .picture img");
  scrollTo(10_000, 0);
  const sideways = Math.max(scrollX, document.documentElement.scrollWidth - Math.ceil(document.body.getBoundingClientRect().width));
  scrollTo(0, 0);
  return {
    title: document.title,
    headings: [...document.querySelectorAll("h1")].filter(shown).map(one => one.innerText),
    language: document.documentElement.lang,
    mains: document.querySelectorAll("main").length,
    sideways,
    pictures: [...document.images].filter(one => !one.hasAttribute("alt") || !one.getAttribute("width") || !one.getAttribute("height")).map(said),
    inside: [...document.querySelectorAll("script:not([src], [type='application/ld+json']), style, [style]")].map(said),
    small: small(),
    largest: largest && said(largest), first: first && said(first), isFirst: largest === first || isBeside(largest, first),
    moved,
  };

  function small() {
    const ask = "a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button], [tabindex='0']";
    return [...document.querySelectorAll(ask)].filter(one => shown(one) && !isLarge(one) && !isInText(one) && !hasEqual(one) && !isSkip(one))
      .map(one => { const {width, height} = area(one); return `${Math.round(width)} x ${Math.round(height)}: ${said(one)}`; });
  }
  // Of cards of one size in one row, whichever is painted first is called the largest.
  function isBeside(one, first) {
    if (!one?.matches(".picture img") || !first) return false;
    const [its, firsts] = [one, first].map(each => each.getBoundingClientRect());
    return ["top", "width", "height"].every(name => Math.abs(its[name] - firsts[name]) < 1);
  }
  // What a thumb hits of a field one ticks is its label too.
  function area(one) {
    const label = one.matches("[type=checkbox], [type=radio], [type=file]") ? one.closest("label") : null;
    const boxes = [...(label ?? one).getClientRects()];
    return boxes.reduce((best, box) => (box.width * box.height > best.width * best.height ? box : best), {width: 0, height: 0});
  }
  // 44 pixels; a hair less is a matter of rounding.
  function isLarge(one) {
    const {width, height} = area(one);
    return width >= 43.9 && height >= 43.9;
  }
  // A link inside running text, whose line it may not tear apart (WCAG 2.5.8, "Inline").
  function isInText(one) {
    if (!one.matches("a[href]")) return false;
    const around = one.closest("p, li, dd, td, small, .by");
    return !!around && [...around.childNodes].some(node => node.nodeType === 3 && /\w/.test(node.data));
  }
  // Another way to the same that is large enough (WCAG 2.5.8, "Equivalent"): a title under its own picture.
  function hasEqual(one) {
    return one.matches("a[href]") && [...document.querySelectorAll("a[href]")].some(other => other !== one && other.href === one.href && other.checkVisibility() && isLarge(other));
  }
  // It is beyond the edge until the keyboard comes to it.
  function isSkip(one) { return one.matches(".skip"); }
}
