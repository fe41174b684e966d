// Programs that write: a text goes on from a prompt, token by token. What corpus.py does.

const { make } = learnt;
const BYTE_LETTERS = byteLetters();
const FASTEST = 4; // tokens a character at most

let tokens, encode, fields, stopped;

/** The letter that stands for each byte in tokens, the other way round. (GPT-2's) */
function byteLetters() {
  const found = new Map();
  let more = 256;
  for (let byte = 0; byte < 256; byte += 1) {
    const seen = (byte > 32 && byte < 127) || (byte > 160 && byte < 173) || byte > 173;
    found.set(String.fromCharCode(seen ? byte : more++), byte);
  }
  return found;
}

/** What a tokenizer.json says: the bytes of each token, and the function text → tokens. */
function bytePairs(data) {
  const { vocab } = data.model;
  tokens = [];
  for (const [token, number] of Object.entries(vocab)) {
    tokens[number] = Uint8Array.from(token, (letter) => BYTE_LETTERS.get(letter));
  }
  const { model } = data;
  const pre = { type: "ByteLevel", add_prefix_space: false, use_regex: true };
  const rules = {
    model,
    pre_tokenizer: pre,
    normalizer: null,
    post_processor: null,
    decoder: null,
  };
  const library = new tokenizers.Tokenizer({ ...rules, added_tokens: [] }, {});
  // White space as the library that trained has it.
  const space = "(?:(?!\\ufeff)[\\s\\x85])";
  library.pre_tokenizer.pattern = new RegExp(
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+" +
      `| ?(?:(?!${space})[^\\p{L}\\p{N}])+|${space}+(?=${space}|$)|${space}+`,
    "gu",
  );
  encode = (text) => (text ? library.encode(text).ids : []);
}

const spec = () => learnt.manifest.input;

/** A row of tokens for the graph, filled up with 0. */
function feeds(row) {
  const data = new BigInt64Array(spec().context);
  row.forEach((token, n) => (data[n] = BigInt(token)));
  return { tokens: new ort.Tensor("int64", data, [1, data.length]) };
}

/** Scores of what follows, by the last tokens that the graph can see. */
async function next(known) {
  const seen = known.slice(-spec().context);
  const { data } = await learnt.run(feeds(seen));
  const { vocabulary } = spec();
  return data.slice((seen.length - 1) * vocabulary, seen.length * vocabulary);
}

/** A token by its scores; −∞ is never drawn. */
function draw(scores, { temperature, topK, topP }, random) {
  if (temperature === 0) return scores.indexOf(scores.reduce((a, b) => Math.max(a, b)));
  const order = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a]);
  if (topK) order.length = Math.min(topK, order.length);
  const top = scores[order[0]];
  const chances = order.map((n) => Math.exp(Math.fround(scores[n] - top) / temperature));
  const sum = chances.reduce((a, b) => a + b, 0);
  let before = 0;
  const sums = chances.map((chance) => {
    const kept = before < topP * sum ? chance : 0;
    before += chance;
    return kept;
  });
  for (let n = 1; n < sums.length; n += 1) sums[n] += sums[n - 1];
  const wanted = random() * sums.at(-1);
  const found = sums.findIndex((s) => s > wanted);
  return order[found < 0 ? sums.length - 1 : found];
}

const begins = (bytes, start) => start.every((byte, n) => bytes[n] === byte);

/** The text that follows a prompt, as it is written, in whole characters. */
learnt.written = async function* (prompt, sampling) {
  const begin = spec().vocabulary - 1;
  const random = learnt.random(sampling.seed);
  const decoder = new TextDecoder();
  const known = [begin, ...encode(prompt)];
  let start = known.length > 1 ? tokens[known.pop()] : new Uint8Array();
  let left = sampling.length;
  for (let made = 0; made <= sampling.length * FASTEST; made += 1) {
    const scores = await next(known);
    if (start.length) {
      for (let n = 0; n < scores.length; n += 1) {
        if (n === begin || !begins(tokens[n], start)) scores[n] = -Infinity;
      }
    }
    const token = draw(scores, sampling, random);
    const ended = token === begin;
    const text = ended
      ? decoder.decode()
      : decoder.decode(tokens[token].subarray(start.length), { stream: true });
    const letters = [...text];
    if (text) yield letters.slice(0, left).join("");
    left -= letters.length;
    if (ended || left <= 0) return;
    known.push(token);
    start = new Uint8Array();
  }
};

/** Where windows begin, and from which place on their answers count: each token once. */
function windows(count, context) {
  const half = Math.floor(context / 2);
  const found = count ? [[0, 0]] : [];
  for (let at = context; at < count; at += half) found.push([at - half, half]);
  return found;
}

/** The bits of each token of a text, given those before it. */
async function bits(row) {
  const { context, vocabulary } = spec();
  const known = [vocabulary - 1, ...row.slice(0, -1)];
  const found = [];
  for (const [start, first] of windows(row.length, context)) {
    const { data } = await learnt.run(feeds(known.slice(start, start + context)));
    for (let place = first; place < context && start + place < row.length; place += 1) {
      const scores = data.subarray(place * vocabulary, (place + 1) * vocabulary);
      const top = scores.reduce((a, b) => Math.max(a, b));
      const sum = scores.reduce((all, score) => all + Math.exp(score - top), 0);
      found.push((Math.log(sum) + top - scores[row[start + place]]) / Math.LN2);
    }
  }
  return found;
}

// What a person sees.

const sampling = () => ({
  length: learnt.numberIn(fields.length, 0, 100_000, true),
  temperature: learnt.numberIn(fields.temperature, 0, 100),
  topK: learnt.numberIn(fields.topK, 0, 1e6, true),
  topP: 1,
  seed: learnt.numberIn(fields.seed, 0, Number.MAX_SAFE_INTEGER, true),
});

/** Write on from the prompt, shown as it comes. */
async function write() {
  const prompt = fields.prompt.value;
  const options = sampling();
  await learnt.session;
  stopped = false;
  const text = make("span");
  const more = make(
    "p",
    { className: "written" },
    make("span", { className: "prompt" }, prompt),
    text,
  );
  learnt.show({ title: "Writing…", more });
  fields.stop.disabled = false;
  const begun = performance.now();
  let letters = 0;
  try {
    for await (const part of learnt.written(prompt, options)) {
      if (stopped) break;
      text.append(part);
      letters += [...part].length;
      await learnt.pause();
      learnt.goOn();
    }
  } finally {
    fields.stop.disabled = true;
  }
  const seconds = (performance.now() - begun) / 1000;
  const seen = spec().context;
  const cut = encode(prompt).length > seen;
  const ended = stopped ? "stopped" : letters < options.length ? "it ended the text itself" : "";
  learnt.show({
    title: `${letters.toLocaleString("en")} characters`,
    detail: [`in ${seconds.toFixed(1)} s`, ended].filter(Boolean).join(", "),
    note: cut ? `only the last ${seen} tokens of the prompt are seen` : "",
    more,
  });
  learnt.answered();
}

function field(name, label, properties, hint) {
  fields[name] = make("input", { id: name, type: "number", ...properties });
  return learnt.field(label, fields[name], hint);
}

learnt.kinds.prompt = {
  start(place) {
    bytePairs(learnt.json("assets/tokenizer.json"));
    fields = {
      prompt: make("textarea", {
        id: "prompt",
        rows: 4,
        spellcheck: false,
        placeholder: "How the text begins…",
      }),
    };
    fields.stop = make("button", { type: "button", className: "quiet", disabled: true }, "Stop");
    fields.stop.addEventListener("click", () => (stopped = true));
    learnt.onSubmit(fields.prompt, write);
    place.append(
      learnt.field("The beginning", fields.prompt),
      make(
        "div",
        { className: "fields" },
        field("length", "Length", { value: 300, min: 0, step: 50 }, "characters"),
        field(
          "temperature",
          "Temperature",
          { value: 0.8, min: 0, step: 0.1 },
          "0: always the likeliest",
        ),
        field("topK", "Only the likeliest", { value: 0, min: 0 }, "0: any token"),
        field("seed", "Seed", { value: 0, min: 0 }, "equal seeds write equal texts"),
      ),
      make(
        "div",
        { className: "row" },
        learnt.button("Write on", write),
        fields.stop,
        learnt.hint("or press Ctrl and Enter"),
      ),
    );
  },
  read: (bytes) => encode(learnt.plain(bytes)[0]),
  async take(bytes) {
    const [text] = learnt.plain(bytes);
    fields.prompt.value = /^\s*\S.{0,60}(?=\s|$)/s.exec(text)?.[0] ?? text;
    await write();
  },
  feeds,
  outputs: bits,
  example: (bytes) => learnt.shortened(learnt.plain(bytes)[0].replace(/\s+/g, " ")),
};
