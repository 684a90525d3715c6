// A way of drawing our card without a browser: `node contender.mjs satori|takumi FONTS`. A line of JSON in
// ({card, width, height, kind, colours, measures}) gives a line of JSON out ({milliseconds, picture: base64}).
// The card is ours as closely as both can lay it out: the same texts, places, sizes, colours and font.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

const [way, fonts] = process.argv.slice(2);
const QUALITY = 85;
const inter = await Promise.all(
  [['Regular', 400], ['SemiBold', 600], ['Bold', 700]].map(async ([name, weight]) => ({
    name: 'Inter', weight, style: 'normal', data: await readFile(`${fonts}/Inter-${name}.otf`),
  })),
);

const ways = {
  async satori() {
    const { default: satori } = await import('satori');
    const { Resvg } = await import('@resvg/resvg-js');
    const element = node => ({
      type: 'div',
      props: { style: node.style, children: node.text ?? node.children.map(element) },
    });
    return async (tree, { width, height, kind }) => {
      const svg = await satori(element(tree), { width, height, fonts: inter });
      const drawn = new Resvg(svg, { font: { loadSystemFonts: false } }).render();
      if (kind === 'png') return drawn.asPng();
      const { default: sharp } = await import('sharp');
      const raw = { width, height, channels: 4 };
      return sharp(drawn.pixels, { raw }).removeAlpha().jpeg({ quality: QUALITY }).toBuffer();
    };
  },
  async takumi() {
    const { Renderer } = await import('@takumi-rs/core');
    const renderer = new Renderer();
    for (const font of inter) await renderer.registerFont(font);
    const element = node =>
      node.text === undefined
        ? { type: 'container', style: node.style, children: node.children.map(element) }
        : { type: 'text', style: node.style, text: node.text };
    return (tree, { width, height, kind }) =>
      renderer.render(element(tree), { width, height, format: kind, quality: QUALITY });
  },
};

const box = (style, ...children) => ({ style: { display: 'flex', ...style }, children });
const text = (words, style) => ({ style: { display: 'flex', ...style }, text: words });

function tree({ card, colours: look, measures, width, height }) {
  const { pad, gap, title, price, body, small } = measures;
  const muted = { color: look.muted };
  const specs = box(
    { flexDirection: 'column', gap: gap * 0.6, flexGrow: 1 },
    ...card.specs.map(line =>
      box(
        { alignItems: 'baseline' },
        text(line.label, { ...muted, fontSize: body * 0.86, width: body * 4.2 }),
        text(line.value, { fontWeight: 600 }),
      ),
    ),
  );
  const offer = box(
    { flexDirection: 'column' },
    text(card.price, { fontSize: price, fontWeight: 700, letterSpacing: price * -0.03, lineHeight: 1.1 }),
    text(card.adjusted, { ...muted, fontWeight: 600 }),
  );
  const score = box(
    {
      flexDirection: 'column', alignItems: 'center', padding: gap, borderRadius: gap * 0.9,
      background: look.score, color: look.score_ink,
    },
    text(card.score, { fontSize: price * 0.84, fontWeight: 700, lineHeight: 1.05 }),
    text('score of 100', { fontSize: body * 0.82, fontWeight: 600 }),
  );
  const wide = width > height;
  const middle = wide
    ? box({ alignItems: 'center', gap: gap * 2 }, offer, specs, score)
    : box(
        { flexDirection: 'column', gap: gap * 1.5 },
        box({ alignItems: 'center', justifyContent: 'space-between' }, offer, score),
        specs,
      );
  return box(
    {
      width, height, flexDirection: 'column', justifyContent: 'space-between', padding: pad, fontSize: body,
      fontFamily: 'Inter', fontWeight: 400, color: look.ink, background: look.ground,
      borderLeft: `${gap * 0.8}px solid ${look.accent}`,
    },
    box(
      { justifyContent: 'space-between', alignItems: 'center' },
      text('Deal Brain', { fontWeight: 700 }),
      text(card.tier, {
        fontWeight: 700, fontSize: body * 1.15, padding: '12px 26px', borderRadius: 999,
        background: look.badge, color: look.badge_ink,
      }),
    ),
    box(
      { flexDirection: 'column', gap: gap * 0.5 },
      text(card.title, { fontSize: title, fontWeight: 700, lineHeight: 1.18 }),
      text(card.maker, muted),
    ),
    middle,
    text(card.verdict, { fontWeight: 600 }),
    box(
      { justifyContent: 'space-between', fontSize: small, borderTop: `2px solid ${look.rule}`, paddingTop: gap * 0.7, ...muted },
      text(card.link, {}),
      text(card.as_of, {}),
    ),
  );
}

const draw = await ways[way]();
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const began = performance.now();
  const picture = await draw(tree(asked), asked);
  const milliseconds = performance.now() - began;
  console.log(JSON.stringify({ milliseconds, picture: Buffer.from(picture).toString('base64') }));
}
