// What the page does for a card: run once in it by browser.py, which then calls showCard or pictureOf.
'use strict';

// Memory for the rows of a PNG and for their stream, in which no byte takes more than nine bits; kept from card
// to card, because new memory costs time and goes only when much of it waits to be collected.
const MOST_BYTES = 3 << 20;
const rows = new Uint8Array(MOST_BYTES), stream = new Uint8Array(MOST_BYTES * 9 / 8 + 4);
const COLOURS = 256;
const FLAT = ['ground', 'tile', 'rule', 'brand', 'bar', 'badge', 'score', 'ink', 'muted'];
const card = document.querySelector('main');
const canvas = document.createElement('canvas');
// Read back for every picture, so it lives in ordinary memory; a card hides all that is behind it.
const pen = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
// Elements on a canvas are an experiment of Chromium (CanvasDrawElement); without it screenshots are taken.
const onCanvas = 'drawElementImage' in pen && 'requestPaint' in canvas && 'toBase64' in Uint8Array.prototype;
if (onCanvas) {
  canvas.layoutSubtree = true;
  card.replaceWith(canvas);
  canvas.append(card);
}

// Text and classes only. A crowded card shrinks title and price in steps: the first ones to keep hardware on
// one line each and texts whole (later a text ends in an ellipsis), the last ones only to keep everything
// inside the picture.
function showCard(spec, look, width, height) {
  const page = document.documentElement, offer = card.querySelector('.offer');
  page.style = `--width: ${width}px; --height: ${height}px`;
  for (const place of card.querySelectorAll('[data-text]')) place.textContent = spec[place.dataset.text];
  card.querySelectorAll('.specs li').forEach((line, index) => {
    line.children[0].textContent = spec.specs[index]?.label ?? '';
    line.children[1].textContent = spec.specs[index]?.value ?? '';
  });
  const line = place => parseFloat(getComputedStyle(place).lineHeight);
  const whole = place =>  // Letters may reach out of their line a little; a line too many is cut off.
    place.scrollHeight - place.clientHeight < line(place) / 2;
  const unbroken = place => place.clientHeight < 1.5 * line(place);
  const every = (places, is) => [...card.querySelectorAll(places)].every(is);
  const fits = step =>
    offer.scrollWidth <= offer.clientWidth && card.scrollHeight <= card.clientHeight &&
    (step > 2 || every('h1, html:not(.price-range) .specs b', whole)) &&
    (step > 1 || every('html:not(.price-range) .specs b', unbroken));
  for (let step = 0; step < 6; step++) {
    page.className =
      `${look} step-${step} price-${spec.price_class} tier-${spec.tier_class} score-${spec.score_class}`;
    if (fits(step)) break;
  }
}

// What was painted last: its PNG and its JPEG are of one painting.
let onTheCanvas = '';

// A card as base64: a whole JPEG, or the palette and the rows of a PNG, deflated.
async function pictureOf(spec, look, width, height, jpegQuality) {
  const asked = JSON.stringify([spec, look, width, height]);
  if (asked !== onTheCanvas) {
    onTheCanvas = '';
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    showCard(spec, look, width, height);
    await painted();
    onTheCanvas = asked;
  }
  if (jpegQuality) return { jpeg: canvas.toDataURL('image/jpeg', jpegQuality / 100).split(',')[1] };
  const palette = indexed(new Int32Array(pen.getImageData(0, 0, width, height).data.buffer));
  return { palette: palette.toBase64(), rows: deflated().toBase64() };
}

function painted() {
  return new Promise((resolve, reject) => {
    canvas.onpaint = () => {
      try {
        pen.drawElementImage(card, 0, 0);
        resolve();
      } catch (error) {
        reject(error);
      }
    };
    canvas.requestPaint();
  });
}

// Reduces pixels (0xAABBGGRR) to a palette and answers it. The template's flat colours stay as they are; the
// edges of letters share 32 levels of red, green and blue each, or fewer on a card with many, as emoji have.
function indexed(pixels) {
  const flat = flatColours();
  for (let bits = 5; ; bits--) {
    const found = reduced(pixels, bits, flat);
    if (found) return new Uint8Array(found.flatMap(one => [one & 255, one >> 8 & 255, one >> 16 & 255]));
  }
}

function flatColours() {
  const style = getComputedStyle(document.documentElement);
  const spelled = FLAT.map(name => style.getPropertyValue(`--${name}`)).filter(Boolean);
  return spelled.map(([, ...hex]) => {
    const [red, green, blue] = [0, 2, 4].map(at => parseInt(hex[at] + hex[at + 1], 16));
    return 255 << 24 | blue << 16 | green << 8 | red;
  });
}

function reduced(pixels, bits, flat) {
  const { width, height } = canvas, colours = [];
  const indexes = new Int16Array(1 << 3 * bits).fill(-1), mask = (1 << bits) - 1, drop = 8 - bits;
  const indexOf = colour => {
    const cell = (colour >> 16 + drop & mask) << 2 * bits | (colour >> 8 + drop & mask) << bits | colour >> drop & mask;
    if (indexes[cell] < 0) indexes[cell] = colours.push(colour) - 1;
    return indexes[cell];
  };
  flat.forEach(indexOf);
  for (let y = 0, at = 0, next = 0, last = 0, index = 0; y < height; y++) {
    rows[next++] = 0;  // its filter: none
    for (let x = 0; x < width; x++) {
      const colour = pixels[at++];
      if (colour !== last) index = indexOf(last = colour);
      rows[next++] = index;
    }
    if (colours.length > COLOURS) return null;
  }
  return colours;
}

// Deflates the rows with the fixed codes of RFC 1951 (3.2.6), looking for what repeats in two places only: the
// pixel before and the row above. For flat pictures that is nearly all, and CompressionStream takes four times
// as long. Answers a stream without header and checksum.
function deflated() {
  const stride = canvas.width + 1, size = stride * canvas.height, above = codeOfDistance(stride);
  let end = 0, bits = 0, pending = 0;
  const put = (value, count) => {
    bits |= value << pending;
    for (pending += count; pending > 7; pending -= 8, bits >>>= 8) stream[end++] = bits;
  };
  const equal = (at, distance) => {
    const last = at < distance ? at : Math.min(at + LONGEST, size);
    let next = at;
    while (next < last && rows[next] === rows[next - distance]) next++;
    return next - at;
  };
  put(0b011, 3);  // the last block, of fixed codes
  for (let at = 0; at < size;) {
    const run = equal(at, 1), copy = run < LONGEST ? equal(at, stride) : 0;
    // A copy from above costs nine bits more than a run, which is about a letter's edge.
    if (run >= SHORTEST && run + 1 >= copy) {
      put(LENGTHS[run].value, LENGTHS[run].count);
      put(BEFORE.value, BEFORE.count);
      at += run;
    } else if (copy > SHORTEST) {
      put(LENGTHS[copy].value, LENGTHS[copy].count);
      put(above.value, above.count);
      at += copy;
    } else {
      put(LITERALS[rows[at]].value, LITERALS[rows[at]].count);
      at++;
    }
  }
  put(0, 7 + 7);  // the end of the block, and of its last byte
  return stream.subarray(0, end);
}

const SHORTEST = 3, LONGEST = 258;
const LITERALS = Array.from({ length: 256 }, (_, symbol) => codeOf(symbol));
const LENGTHS = Array.from({ length: LONGEST + 1 }, (_, length) => length < SHORTEST ? null : codeOfLength(length));
const BEFORE = codeOfDistance(1);

// A Huffman code is written from its highest bit on, all else from its lowest.
function reversed(value, count) {
  let answer = 0;
  for (let bit = 0; bit < count; bit++) answer |= (value >> bit & 1) << count - 1 - bit;
  return { value: answer, count };
}

function codeOf(symbol) {
  if (symbol < 144) return reversed(0b00110000 + symbol, 8);
  if (symbol < 256) return reversed(0b110010000 + symbol - 144, 9);
  return symbol < 280 ? reversed(symbol - 256, 7) : reversed(0b11000000 + symbol - 280, 8);
}

// Lengths and distances grow in steps of powers of two; extra bits say how far between (3.2.5).
function withExtra(code, value, count) {
  return { value: code.value | (value & (1 << count) - 1) << code.count, count: code.count + count };
}

function codeOfLength(length) {
  if (length === LONGEST) return codeOf(285);
  const more = length - SHORTEST, extra = Math.max(0, 29 - Math.clz32(more));
  return withExtra(codeOf(257 + 4 * extra + (more >> extra)), more, extra);
}

function codeOfDistance(distance) {
  const more = distance - 1, extra = Math.max(0, 30 - Math.clz32(more));
  return withExtra(reversed(2 * extra + (more >> extra), 5), more, extra);
}
