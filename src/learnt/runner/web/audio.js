// Sounds → 16 kHz, one channel, 16 bits: what audio.py does. WAV is decoded here, as there; other
// formats by the browser, at their own rate where it can be told.

const RATE = 16_000;
const FULL = 2 ** 15; // a sample that is as loud as can be
const MAX_SECONDS = 60;
const MAX_CHANNELS = 32;
const RATES = [1_000, 384_000];
const MUCH = 1.25; // times as long as what is heard, from which it is said
const BY_BROWSER =
  "decoded by this browser, not as the program itself does: the last digits may differ";
const FOR_BROWSER = 8 * 2 ** 20; // bytes at most that a browser decodes, as it decodes all of them
const MAX_UP = 640; // the largest numerator of a ratio of rates

const wrong = (message) => {
  throw new learnt.Problem(message);
};

const letters = (view, at, count) =>
  String.fromCharCode(
    ...Array.from({ length: count }, (_, n) =>
      at + n < view.byteLength ? view.getUint8(at + n) : 0,
    ),
  );

/** The chunks of a WAV: {form: where "fmt " begins, data: [begin, end]}; null where it is none. */
function chunks(view) {
  if (letters(view, 0, 4) !== "RIFF" || letters(view, 8, 4) !== "WAVE") return null;
  const found = {};
  for (let at = 12; at + 8 <= view.byteLength;) {
    const size = view.getUint32(at + 4, true);
    if (letters(view, at, 4) === "fmt ") found.form = at + 8;
    if (letters(view, at, 4) === "data") {
      found.data = [at + 8, Math.min(view.byteLength, at + 8 + size)];
      break;
    }
    at += 8 + size + (size % 2);
  }
  return found.form && found.data && found.form + 16 <= view.byteLength ? found : null;
}

/** What reads one sample as a number from -1 to 1, by its coding and its bits. */
function reader(view, coding, bits) {
  const long = (at) =>
    view.getUint8(at) | (view.getUint8(at + 1) << 8) | (view.getInt8(at + 2) << 16);
  const ways = {
    "1/8": (at) => (view.getUint8(at) - 128) / 128,
    "1/16": (at) => view.getInt16(at, true) / 2 ** 15,
    "1/24": (at) => long(at) / 2 ** 23,
    "1/32": (at) => Math.fround(view.getInt32(at, true)) / 2 ** 31,
    "3/32": (at) => view.getFloat32(at, true),
    "3/64": (at) => Math.fround(view.getFloat64(at, true)),
  };
  return ways[`${coding}/${bits}`];
}

/** The first minute of a WAV: {samples, rate}; null where it is none that is known. */
function fromWav(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = chunks(view);
  if (!found) return null;
  let coding = view.getUint16(found.form, true);
  if (coding === 0xfffe && found.form + 26 <= view.byteLength)
    coding = view.getUint16(found.form + 24, true);
  const channels = view.getUint16(found.form + 2, true);
  const rate = view.getUint32(found.form + 4, true);
  const bits = view.getUint16(found.form + 14, true);
  const read = reader(view, coding, bits);
  if (!read) return null;
  checkShape(rate, channels);
  const size = (bits / 8) * channels;
  const [begin, end] = found.data;
  const count = Math.min(Math.floor((end - begin) / size), MAX_SECONDS * rate);
  const share = Math.fround(1 / channels);
  const samples = new Float32Array(count);
  for (let n = 0; n < count; n += 1) {
    let sum = 0;
    for (let c = 0; c < channels; c += 1)
      sum += Math.fround(share * read(begin + n * size + (c * bits) / 8));
    samples[n] = sum;
  }
  return { samples, rate };
}

function checkShape(rate, channels) {
  if (!(rate >= RATES[0] && rate <= RATES[1])) {
    wrong(`The sound has ${rate} samples a second; it must be from 1,000 to 384,000.`);
  }
  if (!(channels >= 1 && channels <= MAX_CHANNELS)) {
    wrong(`The sound has ${channels} channels; at most ${MAX_CHANNELS} are read.`);
  }
}

const isFLAC = (bytes) => [..."fLaC"].every((letter, n) => bytes[n] === letter.charCodeAt(0));

/** The rate that a FLAC or an OGG Vorbis says it has; what Opus and others are played at else. */
function rateOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isFLAC(bytes) && bytes.length > 21)
    return (view.getUint32(17) >>> 4) & 0xfffff || 48_000;
  if (letters(view, 0, 4) === "OggS" && letters(view, 28, 7) === "\x01vorbis")
    return view.getUint32(40, true);
  return 48_000;
}

/** Any other sound, by the browser: {samples, rate, decoded: true}. */
async function byBrowser(bytes) {
  const rate = Math.min(Math.max(rateOf(bytes), 8_000), 96_000);
  let sound;
  try {
    const begins = bytes.slice(0, isFLAC(bytes) ? bytes.length : FOR_BROWSER);
    sound = await new OfflineAudioContext(1, 1, rate).decodeAudioData(begins.buffer);
  } catch {
    wrong("That is not a sound that this browser can read: save it as WAV.");
  }
  checkShape(rate, sound.numberOfChannels);
  const samples = new Float32Array(Math.min(sound.length, MAX_SECONDS * rate));
  for (let c = 0; c < sound.numberOfChannels; c += 1) {
    const channel = sound.getChannelData(c);
    for (let n = 0; n < samples.length; n += 1) samples[n] += channel[n] / sound.numberOfChannels;
  }
  return { samples, rate, decoded: true };
}

/** The nearest fraction with a small denominator: (rate / 16000) → [numerator, denominator]. */
function fraction(rate) {
  const divisor = (a, b) => (b ? divisor(b, a % b) : a);
  let [n, d] = [rate / divisor(rate, RATE), RATE / divisor(rate, RATE)];
  if (d <= MAX_UP) return [n, d];
  const [whole, over] = [n, d];
  let [p0, q0, p1, q1] = [0, 1, 1, 0];
  for (;;) {
    const a = Math.floor(n / d);
    if (q0 + a * q1 > MAX_UP) break;
    [p0, q0, p1, q1] = [p1, q1, p0 + a * p1, q0 + a * q1];
    [n, d] = [d, n - a * d];
  }
  const k = Math.floor((MAX_UP - q0) / q1);
  const far = (p, q) => Math.abs(p / q - whole / over);
  const other = [p0 + k * p1, q0 + k * q1];
  return far(p1, q1) <= far(...other) ? [p1, q1] : other;
}

/** The Bessel function that Kaiser's window is made of. */
function bessel(x) {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-17; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** The low-pass filter between two rates: a sinc under Kaiser's window, 10 crossings a side. */
function filter(up, down) {
  const larger = Math.max(up, down);
  const half = 10 * larger;
  const taps = Float64Array.from({ length: 2 * half + 1 }, (_, n) => {
    const x = (Math.PI * (n - half)) / larger;
    const kaiser = bessel(5 * Math.sqrt(Math.max(0, 1 - ((n - half) / half) ** 2))) / bessel(5);
    return (x ? Math.sin(x) / x : 1) * kaiser;
  });
  const sum = taps.reduce((a, b) => a + b, 0);
  return { half, taps: Float32Array.from(taps, (tap) => (tap * up) / sum) };
}

/** From `rate` to 16,000 samples a second. */
function resample(samples, rate) {
  if (rate === RATE) return samples;
  const [down, up] = fraction(rate);
  const { half, taps } = filter(up, down);
  const out = new Float32Array(Math.ceil((samples.length * RATE) / rate));
  for (let n = 0; n < out.length; n += 1) {
    const at = n * down; // in steps of 1 / (up · rate)
    const first = Math.max(0, Math.ceil((at - half) / up));
    const last = Math.min(samples.length - 1, Math.floor((at + half) / up));
    let sum = 0;
    for (let i = first; i <= last; i += 1) sum += samples[i] * taps[at - i * up + half];
    out[n] = sum;
  }
  return out;
}

/** To whole numbers, halves to the even one, as NumPy rounds. */
function rounded(wave) {
  const samples = new Int16Array(wave.length);
  for (let n = 0; n < wave.length; n += 1) {
    const value = wave[n] * FULL;
    if (!Number.isFinite(value)) wrong("The sound holds samples that are no numbers.");
    const near = Math.round(value);
    const even = near - value === 0.5 && near % 2 ? near - 1 : near;
    samples[n] = Math.max(-FULL, Math.min(FULL - 1, even));
  }
  return samples;
}

/** Where the loudest stretch of that size begins, looked for every hundredth of a second. */
function loudest(samples, size) {
  const total = new Float64Array(samples.length + 1);
  for (let n = 0; n < samples.length; n += 1) total[n + 1] = total[n] + samples[n] ** 2;
  let [at, most] = [0, -1];
  for (let n = 0; n + size <= samples.length; n += RATE / 100) {
    const energy = total[n + size] - total[n];
    if (energy > most) [at, most] = [n, energy];
  }
  return at;
}

/** A sound's bytes → {all: its samples at 16 kHz, samples: the stretch that is heard, from: where
 * that begins, note}. */
learnt.sound = async (bytes, size) => {
  if (!bytes.length) wrong("The sound is empty (0 bytes).");
  const { samples, rate, decoded } = fromWav(bytes) ?? (await byBrowser(bytes));
  if (!samples.length) wrong("The sound holds no sound (0 samples).");
  const all = rounded(resample(samples, rate));
  if (all.every((sample) => sample === 0)) wrong("The sound is silent: there is nothing to hear.");
  const from = all.length > size ? loudest(all, size) : 0;
  const heard = new Int16Array(size);
  if (all.length > size) heard.set(all.subarray(from, from + size));
  else heard.set(all, Math.floor((size - all.length) / 2));
  const notes = decoded ? [BY_BROWSER] : [];
  if (all.length > MUCH * size) {
    const words = (count) => Number((count / RATE).toPrecision(3));
    const whole = all.length < MAX_SECONDS * RATE ? `${words(all.length)} s` : "the first 60 s";
    notes.push(`only the loudest ${words(size)} s of ${whole} were heard`);
  }
  return { all, samples: heard, from, note: notes.join("; ") };
};
