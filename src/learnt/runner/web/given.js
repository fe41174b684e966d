// What people give that is text: files of any encoding, cells of a table, fields that take them.

const { make } = learnt;
const MAX_FILE = 32 * 2 ** 20; // bytes
const SHOWN = 60; // letters of a text on a button
const NAMED = 20; // names in a message
const MOST_SHOWN = 100; // rows of answers
const SPACE =
  "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const ENDS = new RegExp(`^${SPACE}+|${SPACE}+$`, "g");
const NO_LETTER = [0x81, 0x8d, 0x8f, 0x90, 0x9d]; // of Windows-1252, as Python has it
const CONTROLS = /[\x00-\x08\x0e-\x1a\x1c-\x1f]/g;

/** Without white space at its ends, as Python has white space. */
learnt.stripped = (text) => text.replace(ENDS, "");

/** Words between white space. */
learnt.split = (text) => text.split(new RegExp(`${SPACE}+`)).filter(Boolean);

/** The beginning of a text, so many characters (not UTF-16 units) of it. */
learnt.first = (text, characters) => {
  if (text.length <= characters) return text;
  let end = 0;
  for (let n = 0; n < characters && end < text.length; n++) {
    end += text.codePointAt(end) > 0xffff ? 2 : 1;
  }
  return text.slice(0, end);
};

/** The bytes of a file that a person gave; a Problem where it is too large. */
learnt.bytesOf = async (file) => {
  if (file.size > MAX_FILE) {
    throw new learnt.Problem(
      `${file.name} has ${file.size.toLocaleString("en")} bytes; at most 32 MB are read.`,
    );
  }
  return new Uint8Array(await file.arrayBuffer());
};

/** The letters of bytes, and how they were read where that is not UTF-8: [text, how]. */
learnt.decoded = (bytes) => {
  const mark = bytes[0] * 256 + bytes[1];
  if (mark === 0xfffe || mark === 0xfeff) {
    const name = mark === 0xfffe ? "utf-16le" : "utf-16be";
    try {
      return [new TextDecoder(name, { fatal: true }).decode(bytes), "UTF-16"];
    } catch {
      throw new learnt.Problem("The text is no text but binary.");
    }
  }
  try {
    return [new TextDecoder("utf-8", { fatal: true }).decode(bytes), ""];
  } catch {
    const latin = bytes.some((byte) => NO_LETTER.includes(byte));
    if (!latin)
      return [new TextDecoder("windows-1252").decode(bytes), "Windows-1252, as it is not UTF-8"];
    return [
      Array.from(bytes, (b) => String.fromCharCode(b)).join(""),
      "Latin-1, as it is not UTF-8",
    ];
  }
};

/** The same of a file that must hold a text: [text with \n at the ends of lines, how]. */
learnt.plain = (bytes) => {
  const [text, how] = learnt.decoded(bytes);
  if (!learnt.stripped(text)) throw new learnt.Problem("The text is empty.");
  const controls = text.slice(0, 100_000).match(CONTROLS)?.length ?? 0;
  if (text.includes("\0") || controls > 0.01 * text.length) {
    throw new learnt.Problem("The text is no text but binary.");
  }
  return [text.replace(/\r\n?/g, "\n"), how];
};

/** A text as it fits on a button. */
learnt.shortened = (text, most = SHOWN) =>
  text.length <= most ? text : `${learnt.first(text, most - 1)}…`;

/** Some names, for a message. */
learnt.few = (names) => names.slice(0, NAMED).join(", ") + (names.length > NAMED ? ", …" : "");

/** A text in quotes, as Python shows it. */
learnt.quoted = (text) => {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const plain = text
    .replaceAll("\\", "\\\\")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return mark + plain.replaceAll(mark, `\\${mark}`) + mark;
};

/** A number as Python writes it: 1.0, 0.25, 1e+16. */
learnt.repr = (value) => {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
};

/** A line of small words beside a field. */
learnt.hint = (text, properties = {}) => make("p", { className: "hint", ...properties }, text);

/** A button that asks for an answer. */
learnt.button = (text, act) => {
  const button = make("button", { type: "button" }, text);
  button.addEventListener("click", () => learnt.doing(act));
  return button;
};

/** A button that does something else. */
learnt.quietButton = (text, act) => {
  const button = make("button", { type: "button", className: "quiet" }, text);
  button.addEventListener("click", () => learnt.trying(act));
  return button;
};

/** Ctrl and Enter (in a field of one line, Enter alone) ask for the answer. */
learnt.onSubmit = (field, act) => {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || field.tagName === "INPUT") {
      event.preventDefault();
      learnt.doing(act);
    }
  });
};

/** A file that is dropped on an element goes to `act`; text goes into fields as always. */
learnt.onDrop = (element, act) => {
  const over = (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    element.classList.toggle("over", event.type === "dragover");
  };
  for (const type of ["dragover", "dragleave"]) element.addEventListener(type, over);
  element.addEventListener("drop", (event) => {
    over(event);
    const [file] = event.dataTransfer.files;
    if (file) learnt.doing(() => act(file));
  });
};

/** A field with its label above it. */
learnt.field = (label, control, hint = "") =>
  make(
    "div",
    { className: "field" },
    make("label", { htmlFor: control.id }, label),
    control,
    ...(hint ? [learnt.hint(hint)] : []),
  );

/** The number in a field, if it is one that can be; a Problem else. */
learnt.numberIn = (field, low, high, whole = false) => {
  const value = Number(field.value);
  const fits = field.value.trim() !== "" && value >= low && value <= high;
  if (!fits || (whole && !Number.isInteger(value))) {
    const what = whole ? "a whole number" : "a number";
    const limits = `from ${low} to ${high.toLocaleString("en")}`;
    throw new learnt.Problem(`${field.labels[0].textContent} must be ${what} ${limits}.`);
  }
  return value;
};

/** A button that lets a person choose a file; `act` gets it. */
learnt.chooser = (text, accept, act) => {
  const input = make("input", {
    type: "file",
    accept,
    className: "hidden",
    tabIndex: -1,
    ariaHidden: "true",
  });
  input.addEventListener("change", () => {
    const [file] = input.files;
    input.value = "";
    if (file) learnt.doing(() => act(file));
  });
  const button = make("button", { type: "button", className: "quiet" }, text);
  button.addEventListener("click", () => input.click());
  return make("span", {}, button, input);
};

/** Give a person a file. */
learnt.download = (name, text) => {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
};

/** Say how long something took. */
learnt.took = (begun) => {
  learnt.answered();
  learnt.find("time").textContent = `Answered in ${Math.round(performance.now() - begun)} ms.`;
};

/** How many answers there are of each. */
learnt.counted = (titles) => {
  const counts = new Map();
  for (const title of titles) counts.set(title, (counts.get(title) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  const some = sorted
    .slice(0, 5)
    .map(([title, count]) => `${title}: ${count.toLocaleString("en")}`);
  return some.join(" · ") + (sorted.length > 5 ? " …" : "");
};

/** Show the answers to many rows, of which the first are seen and all can be kept as a CSV.
 * {names, lines, detail, note, first: how many of the last columns come first to the eye,
 * picture: (row's number) → Element} */
learnt.showMany = ({ names, lines, detail, note = "", first = 0, picture }) => {
  const turned = (cells) => [
    ...cells.slice(cells.length - first),
    ...cells.slice(0, cells.length - first),
  ];
  const row = (cells, tag) => make("tr", {}, ...cells.map((cell) => make(tag, {}, cell ?? "")));
  const shown = lines.slice(0, MOST_SHOWN).map((cells, n) => {
    return row([picture ? picture(n) : String(n + 1), ...turned(cells)], "td");
  });
  const table = make(
    "table",
    {},
    make("thead", {}, row([picture ? "" : "row", ...turned(names)], "th")),
    make("tbody", {}, ...shown),
  );
  const more = make(
    "div",
    { className: "many" },
    make(
      "div",
      { className: "scroll tall", tabIndex: 0, role: "region", ariaLabel: "Answers" },
      table,
    ),
  );
  const count = lines.length.toLocaleString("en");
  if (lines.length > shown.length) {
    more.append(learnt.hint(`The first ${MOST_SHOWN} of ${count} rows; all are in the file.`));
  }
  const save = () => learnt.download("answers.csv", learnt.csv([names, ...lines]));
  more.append(learnt.quietButton("Save answers.csv", save));
  learnt.show({ title: lines.length === 1 ? "1 row" : `${count} rows`, detail, note, more });
};
