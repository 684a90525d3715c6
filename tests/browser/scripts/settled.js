async () => {
  const inView = ({top, bottom}) => bottom > 0 && top < innerHeight;
  const late = [...document.images].filter(one => inView(one.getBoundingClientRect()) && one.checkVisibility());
  await Promise.all(late.map(one => one.decode().catch(() => {})));
  await document.fonts.ready;
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
  await new Promise(done => setTimeout(done));
}
