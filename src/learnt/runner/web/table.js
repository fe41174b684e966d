// Programs that take rows of a table: a form for one row, a CSV for many. What tables.py does.

const { make } = learnt;
const TOGETHER = 1024; // rows
const MOST_CHOICES = 24; // in a list that opens; more are suggested while one types
const MOST_SUGGESTED = 1000;
const NUMBER = /^[-+]?(\d+(\.\d*)?|\.\d+)$/;
const MOST_FIELDS = 300;
const NO = 2; // the place of "no", before that of "yes"
const PASTED = 200_000; // letters that a field of text may show

let columns, fields, pasted;

/** A row as the graph takes it, from cells by column; those that it lacks are missing. */
function read(cells) {
  const known = Object.fromEntries(
    Object.entries(cells).filter(([name]) => columns.known.has(name)),
  );
  return { ...columns.read(known), cells: known };
}

function feeds(rows) {
  rows = [rows].flat();
  const numbers = rows.flatMap((row) => row.numbers);
  const places = rows.flatMap((row) => row.places).map(BigInt);
  const found = {};
  const dims = (all) => [rows.length, all.length / rows.length];
  if (numbers.length)
    found.numbers = new ort.Tensor("float64", Float64Array.from(numbers), dims(numbers));
  if (places.length)
    found.categories = new ort.Tensor("int64", BigInt64Array.from(places), dims(places));
  return found;
}

/** What was missing in a row, or never seen. */
function noteOf({ odd, cells }) {
  const notes = Object.entries(odd).map(
    ([name, why]) => `${name}: ${learnt.quoted(String(cells[name]))} is ${learnt.oddWords(why)}`,
  );
  const lacking = columns.names.filter((name) => !Object.hasOwn(cells, name));
  if (lacking.length) notes.push(`taken as missing: ${learnt.few(lacking)}`);
  return notes.join("; ");
}

const said = (row) =>
  learnt.outputs[learnt.manifest.output?.kind ?? "classes"](row, learnt.manifest);

// One row: a form.

/** A number of a hint, as people write it. */
const plainly = (value) =>
  Math.abs(value) < 1e5 ? learnt.number(value) : value.toLocaleString("en");

/** What numbers a column had in training. */
const range = ({ low, high, median }) =>
  low === undefined
    ? "a number"
    : `${plainly(low)} to ${plainly(high)}, typically ${plainly(median ?? low)}`;

/** A list that opens, or a field that suggests. */
function choices(id, values) {
  if (values.length <= MOST_CHOICES) {
    const options = values.map((value) => make("option", { value }, value));
    return [make("select", { id }, make("option", { value: "" }, "—"), ...options)];
  }
  const list = make(
    "datalist",
    { id: `${id}-values` },
    ...values.slice(0, MOST_SUGGESTED).map((value) => make("option", { value })),
  );
  const input = make("input", { id, autocomplete: "off", placeholder: `one of ${values.length}` });
  input.setAttribute("list", list.id);
  return [input, list];
}

/** The field of a column: {spec, input, place}. */
function fieldOf(spec, number) {
  const id = `column-${number}`;
  const hint = { number: range(spec), date: "a date" }[spec.kind] ?? "";
  let [input, ...more] = [];
  if (spec.kind === "category") [input, ...more] = choices(id, spec.values);
  else if (spec.kind === "yes or no") [input] = choices(id, ["yes", "no"]);
  else if (spec.kind === "date") {
    const type = spec.parts?.includes("hour") ? "datetime-local" : "date";
    input = make("input", { id, type, step: type === "date" ? 1 : "any" });
  } else
    input = make("input", {
      id,
      inputMode: "decimal",
      autocomplete: "off",
      placeholder: spec.median ?? "",
    });
  const described = hint ? [learnt.hint(hint, { id: `${id}-hint` })] : [];
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  const place = make(
    "div",
    { className: "field" },
    make("label", { htmlFor: id }, spec.name),
    input,
    ...more,
    ...described,
  );
  return { spec, input, place };
}

/** The cells that were filled in. */
function filled() {
  const told = fields.map(({ spec, input }) => [spec.name, learnt.stripped(input.value)]);
  return Object.fromEntries(told.filter(([, value]) => value));
}

/** A cell as a column's field shows it. */
function shownIn(spec, input, cell) {
  if (cell === null || cell === undefined) return "";
  const { numbers, places } = spec.read(cell);
  if (spec.kind === "number") return String(cell);
  if (spec.kind === "yes or no" && places[0] >= NO) return places[0] === NO ? "no" : "yes";
  if (spec.kind !== "date") return learnt.cellText(cell) ?? "";
  const time = new Date(Math.round(numbers[0] * 86_400_000));
  return Number.isNaN(time.getTime())
    ? ""
    : time.toISOString().slice(0, input.type === "date" ? 10 : 23);
}

/** Put a row's cells into the form; a value that no list has becomes a choice, too. */
function fill(cells) {
  for (const { spec, input } of fields) {
    const value = shownIn(spec, input, cells[spec.name]);
    input.value = value;
    if (input.value !== value && input.tagName === "SELECT") {
      input.append(make("option", { value, selected: true }, value));
    }
  }
}

function form() {
  fields = columns.all.slice(0, MOST_FIELDS).map(fieldOf);
  const left = columns.all.length - fields.length;
  const ask = () => learnt.answer(read(filled()));
  const node = make(
    "form",
    { noValidate: true, className: "form" },
    make("div", { className: "fields" }, ...fields.map(({ place }) => place)),
    ...(left ? [learnt.hint(`and ${left} columns more, which a table can give`)] : []),
    make(
      "div",
      { className: "row" },
      make("button", { type: "submit" }, "Answer"),
      learnt.quietButton("Clear", () => fill({})),
      learnt.hint("what is left empty counts as missing"),
    ),
  );
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    learnt.doing(ask);
  });
  return node;
}

// Many rows: a CSV in, its answers out.

/** A column's name that is not taken. */
function free(names, wanted) {
  while (names.includes(wanted)) wanted += "_";
  return wanted;
}

/** Count what was odd in a row: for each column and reason how often, and an example. */
function countOdd(found, { odd, cells }) {
  for (const [name, why] of Object.entries(odd)) {
    const key = `${name}\0${why}`;
    const [count, example] = found.get(key) ?? [0, cells[name]];
    found.set(key, [count + 1, example]);
  }
}

/** What was odd in many rows, a line a column. */
function oddities(names, found) {
  const lines = [...found].slice(0, 20).map(([key, [count, example]]) => {
    const [name, why] = key.split("\0");
    const cells = count === 1 ? "1 cell is" : `${count.toLocaleString("en")} cells are`;
    return `${name}: ${cells} ${learnt.oddWords(why)}, such as ${learnt.quoted(String(example))}`;
  });
  const there = new Set(names);
  const lacking = columns.names.filter((name) => !there.has(name));
  if (lacking.length)
    lines.unshift(`columns that are not there, taken as missing: ${learnt.few(lacking)}`);
  return lines.join("; ");
}

/** The graph's result for each of some rows. */
async function outputs(rows) {
  const { data, dims } = await learnt.run(feeds(rows));
  const width = dims.slice(1).reduce((a, b) => a * b, 1);
  return rows.map((_, n) => data.subarray(n * width, (n + 1) * width));
}

/** What is written beside a row: the label and its probability, or the number. */
function answerOf(row) {
  const { labels } = learnt.manifest;
  if (!labels) return [learnt.repr(Number(row[0].toPrecision(7)))];
  const best = row.indexOf(Math.max(...row));
  return [labels[best], learnt.repr(Number(row[best].toFixed(6)))];
}

/** A table's answers: its rows with one or two columns more, and what was odd. Rows are read some
 * at a time, so that the page stays alive. */
learnt.answerTable = async (text) => {
  const { names, rows } = learnt.table(text);
  const used = [...names.entries()].filter(([, name]) => columns.known.has(name));
  if (!used.length) {
    throw new learnt.Problem(
      `The table must have some of the columns ${learnt.few(columns.names)}; ` +
        `it has ${learnt.few(names)}.`,
    );
  }
  if (!rows.length) throw new learnt.Problem("The table has no rows, so there are no answers.");
  const [answers, odd] = [[], new Map()];
  for (let at = 0; at < rows.length; at += TOGETHER) {
    const some = rows
      .slice(at, at + TOGETHER)
      .map(({ cells }) => read(Object.fromEntries(used.map(([n, name]) => [name, cells[n]]))));
    for (const row of some) countOdd(odd, row);
    answers.push(...(await outputs(some)).map(answerOf));
    await learnt.pause();
    learnt.goOn();
  }
  const added = learnt.manifest.labels ? ["prediction", "probability"] : ["prediction"];
  const extra = added.map((name) => free(names, name));
  const lines = rows.map(({ cells }, n) => [...cells, ...answers[n]]);
  return { names: [...names, ...extra], lines, answers, note: oddities(names, odd) };
};

async function givenTable(text, ...notes) {
  if (text.length <= PASTED) pasted.value = text;
  await learnt.session;
  const begun = performance.now();
  const { names, lines, answers, note } = await learnt.answerTable(text);
  const [first] = answers;
  const mean = answers.reduce((sum, [value]) => sum + Number(value), 0) / answers.length;
  const detail =
    first.length > 1
      ? learnt.counted(answers.map(([label]) => label))
      : `${learnt.number(mean)} on average`;
  const said = [...notes, note].filter(Boolean).join("; ");
  learnt.showMany({ names, lines, detail, note: said, first: first.length });
  learnt.took(begun);
}

const givenFile = async (file) =>
  givenTable(...learnt.tableText(await learnt.bytesOf(file), file.name));

function many() {
  pasted = make("textarea", {
    id: "rows",
    rows: 5,
    spellcheck: false,
    placeholder: columns.names.slice(0, 4).join(",") + "…",
  });
  const ask = () => givenTable(pasted.value);
  learnt.onSubmit(pasted, ask);
  const node = make(
    "details",
    {},
    make("summary", {}, "Many rows at once"),
    learnt.field("A table as CSV: paste it, or drop a file", pasted),
    make(
      "div",
      { className: "row" },
      learnt.button("Answer all rows", ask),
      learnt.chooser("Choose a file", ".csv,.tsv,.txt,text/csv", givenFile),
    ),
  );
  return node;
}

learnt.kinds.table = {
  start(place) {
    columns = learnt.columns(learnt.manifest.input.columns);
    place.append(form(), many());
    learnt.onDrop(place, async (file) => {
      place.querySelector("details").open = true;
      await givenFile(file);
    });
  },
  read: (bytes) => read(JSON.parse(new TextDecoder().decode(bytes))),
  async take(bytes) {
    const cells = JSON.parse(new TextDecoder().decode(bytes));
    fill(cells);
    await learnt.answer(read(cells));
  },
  feeds,
  answer: (row, item) => ({ ...said(row.data), note: noteOf(item) }),
  example(bytes) {
    const cells = Object.values(JSON.parse(new TextDecoder().decode(bytes)));
    const words = cells.map((cell) => (NUMBER.test(cell) ? learnt.number(Number(cell)) : cell));
    return learnt.shortened(words.filter((cell) => cell !== null).join(", "), 48);
  },
};
