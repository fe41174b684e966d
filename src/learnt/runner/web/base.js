// What every script of a page builds on: `learnt`, where kinds and answers enlist themselves,
// elements made without any HTML, the parts of the page unpacked, and figures in words.

const learnt = { kinds: {}, outputs: {}, parts: {} };
globalThis.learnt = learnt;

/** An element with properties (or attributes) and children; texts stay texts. */
learnt.make = (tag, properties = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
};

/** The element of that id. */
learnt.find = (id) => document.getElementById(id);

/** What a person can mend: shown as one message. */
learnt.Problem = class extends Error {};

/** Base64 of gzip → bytes. */
learnt.unpacked = async (text) => {
  const binary = atob(text);
  const packed = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) packed[at] = binary.charCodeAt(at);
  return learnt.through(packed, new DecompressionStream("gzip"));
};

/** Bytes → bytes, through a stream that changes them. */
learnt.through = async (bytes, stream) => {
  const out = new Blob([bytes]).stream().pipeThrough(stream);
  return new Uint8Array(await new Response(out).arrayBuffer());
};

/** Take all parts out of the page: `learnt.parts[name]` are their bytes. */
learnt.unpack = async () => {
  for (const part of document.querySelectorAll("script.part")) {
    learnt.parts[part.dataset.name] = await learnt.unpacked(part.textContent);
    part.remove();
  }
};

/** A part as text; as JSON. */
learnt.text = (name) => new TextDecoder().decode(learnt.parts[name]);
learnt.json = (name) => JSON.parse(learnt.text(name));

/** 0.9734 → "97.3 %". */
learnt.percent = (share) => `${(100 * share).toFixed(1)} %`;

/** A number as Python's `.6g` shows it, or with fewer digits. */
learnt.number = (value, digits = 6) => {
  if (!Number.isFinite(value)) return String(value).toLowerCase().replace("infinity", "inf");
  const [first, power] = value.toExponential(digits - 1).split("e");
  const isPlain = value === 0 || (power >= -4 && power < digits);
  if (isPlain) return String(Number(value.toPrecision(digits)));
  return `${Number(first)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
};

/** Let the page be drawn before what takes long. */
learnt.pause = () => new Promise((done) => setTimeout(done, 0));
