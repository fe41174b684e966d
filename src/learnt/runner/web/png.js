// PNG files → pixels as the program's reader in Python sees them: browsers change colours that
// are transparent, have a profile or a gamma, and a program must see what it saw in training.

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

// How each line was filtered, undone: line ← from, by the line above it and the pixel before.
const FILTERS = [
  (line, from) => line.set(from),
  (line, from, above, step) => {
    line.set(from);
    for (let x = step; x < line.length; x += 1) line[x] += line[x - step];
  },
  (line, from, above) => {
    for (let x = 0; x < line.length; x += 1) line[x] = from[x] + above[x];
  },
  (line, from, above, step) => {
    for (let x = 0; x < line.length; x += 1) {
      const left = x < step ? 0 : line[x - step];
      line[x] = from[x] + ((left + above[x]) >> 1);
    }
  },
  (line, from, above, step) => {
    for (let x = 0; x < line.length; x += 1) {
      const up = above[x];
      const left = x < step ? 0 : line[x - step];
      const corner = x < step ? 0 : above[x - step];
      const a = Math.abs(up - corner);
      const b = Math.abs(left - corner);
      const c = Math.abs(left + up - 2 * corner);
      line[x] = from[x] + (a <= b && a <= c ? left : b <= c ? up : corner);
    }
  },
];

/** Undo what the lines were filtered by; `step` is the bytes of a pixel. */
function unfiltered(lines, stride, height, step) {
  const out = new Uint8Array(stride * height);
  let above = new Uint8Array(stride);
  for (let y = 0; y < height; y += 1) {
    const undo = FILTERS[lines[y * (stride + 1)]];
    if (!undo) throw new learnt.Problem("This picture is damaged: choose another.");
    const line = out.subarray(y * stride, (y + 1) * stride);
    undo(line, lines.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1)), above, step);
    above = line;
  }
  return out;
}

/** The first bytes, so many, of what deflate made smaller, whatever follows; null if it is less. */
async function inflated(packed, size) {
  const stream = new Blob(packed).stream().pipeThrough(new DecompressionStream("deflate"));
  const reader = stream.getReader();
  const out = new Uint8Array(size);
  let at = 0;
  try {
    while (at < size) {
      const { done, value } = await reader.read();
      if (done) return null;
      out.set(value.subarray(0, size - at), at);
      at += value.length;
    }
  } catch {
    return null;
  }
  reader.cancel().catch(() => {});
  return out;
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
 * veiled: may its pixels be transparent?, exif}.
 */
learnt.decodePNG = async (bytes) => {
  const { width, height, depth, type } = learnt.headPNG(bytes);
  const parts = chunks(bytes);
  const channels = CHANNELS[type];
  const stride = Math.ceil((width * channels * depth) / 8);
  const lines = channels ? await inflated(parts.IDAT, (stride + 1) * height) : null;
  if (!lines) {
    throw new learnt.Problem("This picture is damaged: choose another.");
  }
  const step = Math.max(1, (channels * depth) >> 3);
  const flat = unfiltered(lines, stride, height, step);
  const values = samples(flat, stride, width, height, channels, depth);
  const veiled = type >= 4 || Boolean(parts.tRNS);
  return { width, height, data: coloured(values, parts, type, depth), veiled, exif: parts.eXIf };
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
  const raw = (v) => (type === 0 && depth === 16 ? v : level(v)); // for the clear one, as Pillow
  for (let at = 0, to = 0; at < values.length; at += channels, to += 4) {
    if (type === 3) {
      const index = values[at];
      for (let c = 0; c < 3; c += 1) out[to + c] = palette?.[3 * index + c] ?? 0;
      out[to + 3] = clear?.[index] ?? 255;
    } else {
      const colours = type === 2 || type === 6 ? 3 : 1;
      for (let c = 0; c < 3; c += 1) out[to + c] = level(values[at + (colours === 3 ? c : 0)]);
      const isClear = (type === 0 || type === 2) && keys.every((k, c) => raw(values[at + c]) === k);
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
