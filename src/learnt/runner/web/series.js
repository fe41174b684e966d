// Programs that take series of numbers: pasted, or a file's rows. What series.py does.

const { make } = learnt;
const NUMBERED = /^(.*?)[ _.-]*[[(]?(\d+)[\])]?$/s;
const MAX_NUMBERED = 100; // letters of the name of a numbered column
const NUMBER = /^([-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?|nan|\?|)$/i;
const FLOAT = /^[-+]?(\d+(_\d+)*(\.(\d+(_\d+)*)?)?|\.\d+(_\d+)*)(e[-+]?\d+(_\d+)*)?$/i;
const INFINITE = /^([-+]?)inf(inity)?$/i;
const BETWEEN = /[,;\t ]\s*/;
const MISSING = new Set(["", "?", "nan", "na", "null", "none"]);
const OTHERS = ["label", "class", "target", "y", "split", "side", "group"]; // columns
const TOGETHER = 16;
const MOST_ERRORS = 5; // that are said
const MOST_FIRST = 16; // rows by which a label is known

let box;

const wrong = (message) => {
  throw new learnt.Problem(message);
};
const spec = () => learnt.manifest.input;

/** Cells as numbers, NaN where one is missing. */
function numbers(cells, where) {
  return cells.map((cell) => {
    const text = cell === null ? "" : learnt.stripped(cell);
    if (MISSING.has(text.toLowerCase())) return NaN;
    const infinite = INFINITE.exec(text);
    if (infinite) return infinite[1] === "-" ? -Infinity : Infinity;
    if (!FLOAT.test(text)) {
      const got = learnt.quoted(text.slice(0, 40));
      wrong(`${where}: the values of a series must be numbers; got ${got}.`);
    }
    return Number(text.replaceAll("_", ""));
  });
}

/** Does a text begin with a line of numbers only, and no names? */
function isBare(text) {
  const cells = learnt.stripped(/^[\r\n ]*([^\n]*)/.exec(text)[1]).split(BETWEEN);
  return cells.length > 1 && cells.some(Boolean) && cells.every((cell) => NUMBER.test(cell));
}

/** The columns of each channel, in the order of their numbers. */
function channelsOf(names) {
  const found = new Map();
  names.forEach((name, column) => {
    const match = name.length <= MAX_NUMBERED && NUMBERED.exec(name);
    if (!match) return;
    if (!found.has(match[1])) found.set(match[1], []);
    found.get(match[1]).push([Number(match[2]), column]);
  });
  const series = [...found.values()].filter((at) => at.length > 1);
  if (series.length)
    return series.map((at) => at.sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, c]) => c));
  const kept = names.flatMap((name, n) => (OTHERS.includes(name.toLowerCase()) ? [] : [n]));
  return [kept];
}

/** The rows of a .ts file of sktime and aeon. */
function fromTs(lines) {
  const found = [];
  let labelled = false;
  let begun = false;
  lines.forEach((line, n) => {
    line = learnt.stripped(line);
    const where = `line ${n + 1}`;
    if (begun && line) {
      const parts = line.split(":");
      const channels = parts
        .slice(0, parts.length - labelled)
        .map((part) => numbers(part.split(","), where));
      const cells = labelled ? { label: learnt.stripped(parts.at(-1)) } : {};
      found.push({ channels, where, cells });
      return;
    }
    const words = learnt.split(line.toLowerCase());
    if (!line || line.startsWith("#")) return;
    if (!line.startsWith("@") || ["@relation", "@attribute"].includes(words[0])) {
      wrong(`${where}: a .ts file must begin with lines like @problemName, @data.`);
    }
    if (words[0] === "@timestamps" && words[1] === "true")
      wrong("Series with time stamps cannot be read.");
    labelled ||= words[0] === "@classlabel" && words[1] === "true";
    begun = words[0] === "@data";
  });
  if (!begun) wrong("A .ts file must have a line @data.");
  return found;
}

/** The series of a text, one a row: [{channels, where, cells: the others by their names}]. */
function rowsOf(text) {
  text = text.replaceAll("\0", "").replace(/^\ufeff/, "");
  const lines = text.split(/\r\n?|\n/);
  if (/^[\r\n ]*[@#]/.test(text)) return fromTs(lines);
  if (isBare(text)) {
    return lines.flatMap((line, n) => {
      const plain = learnt.stripped(line);
      const where = `line ${n + 1}`;
      if (!plain) return [];
      return [{ channels: [numbers(plain.split(BETWEEN), where)], where, cells: {} }];
    });
  }
  const { names, rows } = learnt.table(text);
  const layout = channelsOf(names);
  const taken = new Set(layout.flat());
  const others = [...names.entries()].filter(([column]) => !taken.has(column));
  return rows.map(({ cells }, n) => {
    const where = `row ${n + 1}`;
    const channels = layout.map((columns) => numbers(columns.map((c) => cells[c]), where));
    const own = Object.fromEntries(others.map(([column, name]) => [name, cells[column]]));
    return { channels, where, cells: own };
  });
}

/** The same, without the label that each of them begins with, if it does. */
function series(text) {
  const rows = rowsOf(text);
  const { length, channels } = spec();
  const labels = new Set(learnt.manifest.labels);
  const hasLabel = ({ channels: [values] }) =>
    values.length === length + 1 && labels.has(learnt.number(values[0]));
  const first = rows.slice(0, MOST_FIRST);
  if (!first.length) wrong("A series is needed: a row of numbers.");
  if (channels === 1 && first.every(hasLabel)) {
    for (const row of rows)
      if (row.channels.length === 1) row.channels = [row.channels[0].slice(1)];
  }
  return rows;
}

/** A channel as the graph takes it: missing values on straight lines, stretched to a length. */
function stretched(values, length, where) {
  const there = values.flatMap((value, n) => (Number.isNaN(value) ? [] : [n]));
  if (!there.length) wrong(`${where}: a series must have values; all of it is missing.`);
  if (!there.every((n) => Number.isFinite(Math.fround(values[n])))) {
    wrong(`${where}: the values of a series must be finite numbers.`);
  }
  if (there.length === values.length && values.length === length) return values;
  const step = (values.length - 1) / (length - 1);
  let left = 0;
  return Array.from({ length }, (_, n) => {
    const at = n === length - 1 ? values.length - 1 : n * step;
    while (left + 1 < there.length && there[left + 1] <= at) left += 1;
    const [a, b] = [there[left], there[left + 1]];
    if (at <= a || b === undefined) return values[a];
    return ((values[b] - values[a]) / (b - a)) * (at - a) + values[a];
  });
}

/** What was stretched or filled, in words. */
function noteOf(channels) {
  const { length } = spec();
  const sizes = [...new Set(channels.map((values) => values.length))].sort((a, b) => a - b);
  const missing = channels.flat().filter(Number.isNaN).length;
  const notes = [];
  if (sizes.length > 1 || sizes[0] !== length) {
    notes.push(`${sizes.join(" and ")} values, brought to ${length} by straight lines`);
  }
  if (missing) {
    notes.push(`${missing.toLocaleString("en")} missing values were filled by straight lines`);
  }
  return notes.join("; ");
}

/** A series as the graph takes it, and what was done to it. */
function fitted({ channels, where }) {
  const { channels: wanted, length } = spec();
  if (channels.length !== wanted) {
    const words = wanted === 1 ? "channel" : "channels";
    wrong(`${where}: a series must have ${wanted} ${words}; it has ${channels.length}.`);
  }
  const values = channels.flatMap((values) => stretched(values, length, where));
  return { values: Float32Array.from(values), where, note: noteOf(channels) };
}

function feeds(items) {
  items = [items].flat();
  const { channels, length } = spec();
  const data = new Float32Array(items.length * channels * length);
  items.forEach(({ values }, n) => data.set(values, n * channels * length));
  return { series: new ort.Tensor("float32", data, [items.length, channels, length]) };
}

/** A small picture of a series: a line a channel. */
function plot({ values }, width = 600, height = 160) {
  const { channels, length } = spec();
  const svg = (tag, properties, ...children) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(properties)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const [low, high] = [
    values.reduce((a, b) => Math.min(a, b)),
    values.reduce((a, b) => Math.max(a, b)),
  ];
  const y = (value) => 6 + ((height - 12) * (high - value)) / (high - low || 1);
  const lines = Array.from({ length: Math.min(channels, 8) }, (_, c) => {
    const points = Array.from(
      values.subarray(c * length, (c + 1) * length),
      (value, n) => `${((width * n) / (length - 1)).toFixed(1)},${y(value).toFixed(1)}`,
    );
    return svg("polyline", { points: points.join(" "), class: `line line-${c}` });
  });
  const label = `A series of ${length} values from ${learnt.number(low)} to ${learnt.number(high)}`;
  return svg(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      class: "plot",
      role: "img",
      "aria-label": label,
      preserveAspectRatio: "none",
    },
    ...lines,
  );
}

/** The same, or why it cannot be used: {error}. */
function tried(row) {
  try {
    return fitted(row);
  } catch (error) {
    if (!(error instanceof learnt.Problem)) throw error;
    return { error: error.message };
  }
}

/** The label and the probability of each series; of one that cannot be used, nothing. */
async function answersOf(items) {
  const usable = items.filter(({ error }) => !error);
  const found = new Map();
  for (let at = 0; at < usable.length; at += TOGETHER) {
    const some = usable.slice(at, at + TOGETHER);
    const { data, dims } = await learnt.run(feeds(some));
    some.forEach((item, n) => {
      const row = data.slice(n * dims[1], (n + 1) * dims[1]);
      const share = learnt.repr(Number(Math.max(...row).toFixed(6)));
      found.set(item, [learnt.outputs.classes(row, learnt.manifest).title, share]);
    });
    await learnt.pause();
    learnt.goOn();
  }
  return items.map((item) => found.get(item) ?? [null, null]);
}

/** A column's name that is not taken. */
function free(names, wanted) {
  while (names.includes(wanted)) wanted = `predicted ${wanted}`;
  return wanted;
}

/** What is said of the one series, or of each of many: as Python writes it into a table. */
async function given(text, ...notes) {
  const rows = series(text);
  if (rows.length === 1) {
    await learnt.answer(fitted(rows[0]));
    return;
  }
  await learnt.session;
  const begun = performance.now();
  const items = rows.map(tried);
  const answers = await answersOf(items);
  const own = Object.keys(rows[0].cells);
  const [input, ...added] = ["input", "label", "probability"].map((n) => free(own, n));
  const lines = rows.map(({ where, cells }, n) => [
    where,
    ...own.map((name) => cells[name]),
    ...answers[n],
  ]);
  const errors = items.flatMap(({ error }) => error ?? []);
  const note = [
    ...notes,
    learnt.counted(items.flatMap((item) => item.note || [])),
    ...(errors.length > MOST_ERRORS ? [`${errors.length} series cannot be used`] : []),
    ...errors.slice(0, MOST_ERRORS),
  ];
  const titles = answers.flatMap(([label]) => label ?? []);
  learnt.showMany({
    names: [input, ...own, ...added],
    lines,
    detail: learnt.counted(titles),
    note: note.filter(Boolean).join("; "),
    first: 2,
    picture: (n) => (items[n].error ? "" : plot(items[n], 160, 40)),
  });
  learnt.took(begun);
}

learnt.kinds.series = {
  start(place) {
    box = make("textarea", {
      id: "series",
      rows: 6,
      spellcheck: false,
      placeholder: "0.31, 0.35, 0.42, …",
    });
    const file = async (found) => {
      const [text, note] = learnt.tableText(await learnt.bytesOf(found), found.name);
      if (text.length < 200_000) box.value = text;
      await given(text, note);
    };
    const ask = () => given(box.value);
    learnt.onSubmit(box, ask);
    learnt.onDrop(box, file);
    place.append(
      learnt.field(`Series of numbers, one a line`, box),
      make(
        "div",
        { className: "row" },
        learnt.button("Read it", ask),
        learnt.chooser("Choose a file", ".csv,.tsv,.ts,.txt", file),
        learnt.hint("or press Ctrl and Enter; a file can be dropped"),
      ),
    );
  },
  read(bytes) {
    const rows = series(learnt.tableText(bytes)[0]);
    if (rows.length !== 1) wrong("One series is needed, a row of numbers.");
    return fitted(rows[0]);
  },
  async take(bytes) {
    const [text] = learnt.tableText(bytes);
    box.value = spec().channels === 1 ? (text.split("\n")[1] ?? "") : text;
    await learnt.answer(this.read(bytes));
  },
  feeds,
  answer: (row, item) => ({
    ...learnt.outputs.classes(row.data, learnt.manifest),
    note: item.note,
    more: plot(item),
  }),
  example(bytes) {
    return plot(this.read(bytes), 120, 40);
  },
};
