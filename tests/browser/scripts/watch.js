// What somebody does may move things, however late its answer; a page it leads to moves nothing by itself.
window.moved = []; window.largest = null; window.acted = false;
new PerformanceObserver(list => list.getEntries().forEach(({value, hadRecentInput, sources}) =>
  acted || hadRecentInput || moved.push([value, ...sources.map(({node}) => node?.outerHTML?.slice(0, 80) ?? node?.nodeName)])))
  .observe({type: "layout-shift", buffered: true});
new PerformanceObserver(list => list.getEntries().forEach(({element}) => window.largest = element))
  .observe({type: "largest-contentful-paint", buffered: true});
