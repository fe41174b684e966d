// Programs that say what every pixel shows: the mask is laid over the picture in its colours.

const { make } = learnt;

const MAX_SCORES = 2 ** 24; // numbers that the graph may make: pixels × classes
const DIFFERING = 0.005; // the share of pixels that may differ: where two classes are as likely
const COVER = 55; // percent, of the colours over the picture

/** By which factor a picture is made smaller: 1 unless it has far more pixels than needed. */
function shrunk(height, width, size, classes) {
  let factor = Math.max(1, Math.floor(Math.min(height, width) / size));
  while (Math.ceil(height / factor) * Math.ceil(width / factor) * classes > MAX_SCORES) {
    factor += Math.max(1, factor >> 2);
  }
  return factor;
}

/** As the graph takes it, with the picture itself beside it. */
function item(picture) {
  const { input, labels } = learnt.manifest;
  const whole = learnt.prepared(picture, input.channels);
  const factor = shrunk(whole.height, whole.width, input.size, labels.length);
  return { whole: picture, small: factor > 1 ? learnt.smaller(whole, factor) : whole };
}

/** Class numbers (1, h, w) at the size of the picture: each pixel takes the one it lies in. */
function enlarged(data, [, h, w], { width, height }) {
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const line = Math.floor(((y + 0.5) * h) / height) * w;
    for (let x = 0; x < width; x += 1) {
      out[y * width + x] = data[line + Math.floor(((x + 0.5) * w) / width)];
    }
  }
  return out;
}

/** The picture with the colours on it, so many percent of them; the first class stays clear. */
function paint(canvas, numbers, { width, height, data }, colours, cover) {
  const out = new Uint8ClampedArray(data);
  const share = cover / 100;
  for (let n = 0; n < numbers.length; n += 1) {
    if (!numbers[n]) continue;
    const colour = colours[numbers[n]];
    const opacity = data[4 * n + 3] / 255;
    for (let c = 0; c < 3; c += 1) {
      const clear = data[4 * n + c] * opacity + 255 * (1 - opacity);
      out[4 * n + c] = Math.round(clear * (1 - share) + colour[c] * share);
    }
    out[4 * n + 3] = 255;
  }
  canvas.getContext("2d").putImageData(new ImageData(out, width, height), 0, 0);
}

/** The mask over the picture, how strongly, and the mask as a file. */
function overlay(numbers, picture, names) {
  const { colours } = learnt.manifest.output;
  const { width, height } = picture;
  const seen = learnt.viewable(picture);
  const drawn = seen === picture ? numbers : enlarged(numbers, [1, height, width], seen);
  const size = { width: seen.width, height: seen.height };
  const canvas = make("canvas", { ...size, role: "img", className: "mask" });
  canvas.ariaLabel = `The picture with its mask: ${names}`;
  if (Math.max(width, height) < 100) canvas.classList.add("tiny");
  paint(canvas, drawn, seen, colours, COVER);
  const strength = make("input", { type: "range", min: 0, max: 100, value: COVER, step: 5 });
  strength.addEventListener("input", () => {
    paint(canvas, drawn, seen, colours, Number(strength.value));
  });
  const save = make("button", { type: "button", className: "quiet" }, "Save the mask");
  save.addEventListener("click", () => learnt.trying(() => saveMask(numbers, width, height)));
  const label = make("label", { className: "strength" }, "Colours", strength);
  const row = make("div", { className: "row" }, label, save);
  return make("div", { className: "masked" }, canvas, row);
}

/** Save the mask as PNG, in the classes' own numbers and colours. */
async function saveMask(numbers, width, height) {
  const { values, colours } = learnt.manifest.output;
  const palette = new Uint8Array(768);
  values.forEach((value, n) => palette.set(colours[n], 3 * value));
  const file = await learnt.encodePNG(numbers.map((n) => values[n]), width, height, palette);
  const link = make("a", { href: URL.createObjectURL(new Blob([file], { type: "image/png" })) });
  link.download = "mask.png";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

learnt.kinds.photo = learnt.pictureKind(item, {
  feeds: ({ small }) => learnt.fed(small),
  away(row, wanted) {
    const share = wanted.filter((w, n) => row[n] !== w).length / wanted.length;
    return share > DIFFERING ? share : 0;
  },
  answer(row, { whole }) {
    const { labels, output } = learnt.manifest;
    const numbers = enlarged(row.data, row.dims, whole);
    const pixels = labels.map(() => 0);
    for (const n of numbers) pixels[n] += 1;
    const bars = labels
      .map((name, n) => ({ name, share: pixels[n] / numbers.length, colour: output.colours[n], n }))
      .filter((bar) => bar.share > 0)
      .sort((a, b) => b.share - a.share);
    const seen = bars.filter((bar) => bar.n > 0).map((bar) => bar.name);
    const title = seen.join(", ") || bars[0].name;
    return { title, bars, more: overlay(numbers, whole, title) };
  },
});
