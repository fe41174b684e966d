// Programs that take a text: typed, or dropped as a file. What texts.py does.

const { make } = learnt;
const FIRST = 2; // the number of the commonest word; below are padding and unknown words
const AT_LEAST = 8; // numbers of a row

let cutters, box;

/** What cuts a text into the numbers of words, and of pieces, by the graph's inputs. */
learnt.cutters = () => {
  const spec = learnt.manifest.input;
  const names = ["words", "pieces"].filter((name) => name in spec);
  return Object.fromEntries(
    names.map((name) => [name, learnt.tokenizer(learnt.json(`assets/${name}.json`), spec[name])]),
  );
};

/** A text as the graph takes it, and what to say of it. */
function reading(text, note = "") {
  const { letters } = learnt.manifest.input;
  const parts = Object.entries(cutters).map(([name, cut]) => [name, cut(text)]);
  if (letters) parts.push(["letters", learnt.letters(text, letters)]);
  return { text, parts: Object.fromEntries(parts), note };
}

/** The same from what a person gives: something must be in it, and it may be too long. */
function read(text, how = "") {
  if (!learnt.stripped(text))
    throw new learnt.Problem("The text is empty: it must have at least one letter.");
  const { characters } = learnt.manifest.input;
  const count = text.length > characters ? [...text].length : 0;
  const notes = how ? [`read as ${how}`] : [];
  if (count > characters) {
    notes.push(`only the first ${characters.toLocaleString("en")} characters were read`);
  }
  return reading(learnt.first(text, characters).replace(/\p{Cs}/gu, "\ufffd"), notes.join("; "));
}

function feeds({ parts }) {
  const tensor = (numbers) => {
    const data = new BigInt64Array(Math.max(AT_LEAST, numbers.length));
    numbers.forEach((number, n) => (data[n] = BigInt(number)));
    return new ort.Tensor("int64", data, [1, data.length]);
  };
  return Object.fromEntries(Object.entries(parts).map(([name, ids]) => [name, tensor(ids)]));
}

/** What to say where none of a text's words is known. */
async function strange(row, { parts }) {
  if (parts.words.some((word) => word >= FIRST)) return "";
  const note = "none of its words was seen in training";
  if (parts.pieces) return note;
  const { data } = await learnt.run(feeds(reading("")));
  const same = data.every((share, n) => Math.abs(row[n] - share) <= 1e-5 + 1e-5 * Math.abs(share));
  return same ? `${note}: the answer is only how common each class was` : note;
}

async function given(text, how) {
  box.value = text;
  await learnt.answer(read(text, how));
}

learnt.kinds.text = {
  start(place) {
    cutters = learnt.cutters();
    box = make("textarea", {
      id: "text",
      rows: 6,
      spellcheck: false,
      placeholder: "Type or paste a text…",
    });
    const ask = () => given(box.value);
    learnt.onSubmit(box, ask);
    learnt.onDrop(box, async (file) => given(...learnt.plain(await learnt.bytesOf(file))));
    place.append(
      learnt.field("A text", box),
      make(
        "div",
        { className: "row" },
        learnt.button("Read it", ask),
        learnt.hint("or press Ctrl and Enter; a text file can be dropped"),
      ),
    );
  },
  read: (bytes) => read(...learnt.plain(bytes)),
  take: (bytes) => given(...learnt.plain(bytes)),
  feeds,
  async answer(row, item) {
    const said = learnt.outputs[learnt.manifest.output?.kind ?? "classes"](
      row.data,
      learnt.manifest,
    );
    const notes = [item.note, await strange(row.data, item)].filter(Boolean);
    return { ...said, note: notes.join("; ") };
  },
  example: (bytes) => learnt.shortened(learnt.plain(bytes)[0]),
};
