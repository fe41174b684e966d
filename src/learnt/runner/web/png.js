// PNG files → pixels, exactly as they are written: browsers change colours that are transparent,
// have a profile or a gamma, and a program must see what it saw in training.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }; // by the colour type

/** Is this the beginning of a PNG file? */
learnt.isPNG = (bytes) => SIGNATURE.every((value, at) => bytes[at] === value);

/** The chunks of a PNG file: {IHDR, PLTE, tRNS, eXIf} and the joined IDAT. */
function chunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found = { IDAT: [] };
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + length);
    if (data.length < length) break;
    if (name === "IDAT") found.IDAT.push(data);
    else if (["IHDR", "PLTE", "tRNS", "eXIf", "acTL"].includes(name)) found[name] = data;
    if (name === "IEND") break;
    at += length + 12;
  }
  return found;
}

/** Undo what each line was filtered by, in place; `step` is the bytes of a pixel. */
function unfilter(lines, stride, height, step) {
  const out = new Uint8Array(stride * height);
  for (let y = 0; y < height; y += 1) {
    const filter = lines[y * (stride + 1)];
    const from = y * (stride + 1) + 1;
    const to = y * stride;
    for (let x = 0; x < stride; x += 1) {
      const left = x >= step ? out[to + x - step] : 0;
      const up = y ? out[to + x - stride] : 0;
      const corner = y && x >= step ? out[to + x - stride - step] : 0;
      out[to + x] = lines[from + x] + guess(filter, left, up, corner);
    }
  }
  return out;
}

function guess(filter, left, up, corner) {
  if (filter === 0) return 0;
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(left + up - corner - value));
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

/** Bytes → one number a sample, as many as a line has, whatever the depth. */
function samples(lines, stride, width, height, channels, depth) {
  const many = width * channels;
  const out = depth === 16 ? new Uint16Array(many * height) : new Uint8Array(many * height);
  for (let y = 0; y < height; y += 1) {
    for (let n = 0; n < many; n += 1) {
      const at = y * stride;
      if (depth === 8) out[y * many + n] = lines[at + n];
      else if (depth === 16) out[y * many + n] = 256 * lines[at + 2 * n] + lines[at + 2 * n + 1];
      else {
        const bit = n * depth;
        out[y * many + n] = (lines[at + (bit >> 3)] >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
      }
    }
  }
  return out;
}

/**
 * A PNG file's header: {width, height, depth, type, interlaced}, before anything is unpacked.
 */
learnt.headPNG = (bytes) => {
  const head = chunks(bytes.subarray(0, 64)).IHDR;
  if (!head || head.length !== 13) throw new learnt.Problem("This picture is damaged.");
  const view = new DataView(head.buffer, head.byteOffset, 13);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  return { width, height, depth: head[8], type: head[9], interlaced: head[12] === 1 };
};

/**
 * A PNG file that is not interlaced → {width, height, data: red, green, blue, opacity in bytes,
 * grey: whether it had one channel, exif}.
 */
learnt.decodePNG = async (bytes) => {
  const { width, height, depth, type } = learnt.headPNG(bytes);
  const parts = chunks(bytes);
  const channels = CHANNELS[type];
  const stride = Math.ceil((width * channels * depth) / 8);
  const packed = await new Blob(parts.IDAT).arrayBuffer();
  let lines;
  try {
    lines = await learnt.through(packed, new DecompressionStream("deflate"));
  } catch {
    lines = [];
  }
  if (!channels || lines.length < (stride + 1) * height) {
    throw new learnt.Problem("This picture is damaged: choose another.");
  }
  const step = Math.max(1, (channels * depth) >> 3);
  const flat = unfilter(lines, stride, height, step);
  const values = samples(flat, stride, width, height, channels, depth);
  return { width, height, data: coloured(values, parts, type, depth), exif: parts.eXIf };
};

/** Samples → red, green, blue and opacity. */
function coloured(values, { PLTE: palette, tRNS: clear }, type, depth) {
  const channels = CHANNELS[type];
  const out = new Uint8ClampedArray((values.length / channels) * 4);
  const key = (n) => {
    return clear && clear.length >= 2 * n + 2 ? 256 * clear[2 * n] + clear[2 * n + 1] : -1;
  };
  const keys = type === 0 ? [key(0)] : [key(0), key(1), key(2)];
  const level = (v) => {
    if (depth === 16) return type === 0 ? Math.floor(v / 257) : v >> 8;
    return depth === 8 ? v : (v * 255) / (2 ** depth - 1);
  };
  for (let at = 0, to = 0; at < values.length; at += channels, to += 4) {
    if (type === 3) {
      const index = values[at];
      for (let c = 0; c < 3; c += 1) out[to + c] = palette?.[3 * index + c] ?? 0;
      out[to + 3] = clear?.[index] ?? 255;
    } else {
      const colours = type === 2 || type === 6 ? 3 : 1;
      for (let c = 0; c < 3; c += 1) out[to + c] = level(values[at + (colours === 3 ? c : 0)]);
      const isClear = (type === 0 || type === 2) && keys.every((k, c) => values[at + c] === k);
      const opacity = type >= 4 ? level(values[at + channels - 1]) : 255;
      out[to + 3] = isClear ? 0 : opacity;
    }
  }
  return out;
}

/** Numbers (0 to 255), a row after the other, as a PNG file with a palette of 768 bytes. */
learnt.encodePNG = async (numbers, width, height, palette) => {
  const head = new DataView(new ArrayBuffer(13));
  head.setUint32(0, width);
  head.setUint32(4, height);
  head.setUint16(8, 0x0803); // 8 bits, by palette
  const lines = new Uint8Array((width + 1) * height);
  for (let y = 0; y < height; y += 1) {
    lines.set(numbers.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  }
  const packed = await learnt.through(lines, new CompressionStream("deflate"));
  const parts = [
    chunk("IHDR", new Uint8Array(head.buffer)), chunk("PLTE", palette),
    chunk("IDAT", packed), chunk("IEND", new Uint8Array()),
  ];
  return new Uint8Array(await new Blob([new Uint8Array(SIGNATURE), ...parts]).arrayBuffer());
};

function chunk(name, data) {
  const out = new Uint8Array(data.length + 12);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set([...name].map((c) => c.charCodeAt(0)), 4);
  out.set(data, 8);
  view.setUint32(data.length + 8, checksum(out.subarray(4, data.length + 8)));
  return out;
}

/** CRC-32, bit by bit. */
function checksum(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
