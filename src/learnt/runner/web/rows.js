// A table as text → its rows: CSV in whatever dialect and encoding, as rows.py reads it.

const DELIMITERS = [",", ";", "\t", "|"];
const SNIFFED = 50; // lines that are looked at where the first leaves several delimiters possible
const MOST_COLUMNS = 50_000;

const wrong = (message) => {
  throw new learnt.Problem(message);
};

/** What is in quotes from `at` on (behind the first): [text, where it ends, whether it does]. */
function quoted(text, at) {
  let cell = "";
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return [cell + text.slice(at), text.length, false];
    cell += text.slice(at, quote);
    if (text[quote + 1] !== '"') return [cell, quote + 1, true];
    cell += '"';
    at = quote + 2;
  }
}

/** The records of a CSV, blank ones left out: [{line, cells}]. */
function records(text, mark, strict) {
  const found = [];
  const special = new RegExp(`[\\r\\n${mark.replace(/[\\\]^|-]/g, "\\$&")}]`, "g");
  let [at, line, begun, cells, marked] = [0, 1, 1, [], false];
  while (at < text.length || cells.length) {
    let cell = "";
    if (text[at] === '"') {
      marked = true;
      const [inside, end, closed] = quoted(text, at + 1);
      line += inside.match(/\r\n?|\n/g)?.length ?? 0;
      if (strict && !closed)
        wrong(`Line ${begun}: a quote is opened in this row and never closed.`);
      if (strict && end < text.length && ![mark, "\r", "\n"].includes(text[end])) {
        wrong(
          `Line ${begun}: after a closing quote the cell must end; ` +
            'a quote within a cell is written "".',
        );
      }
      [cell, at] = [inside, end];
    }
    special.lastIndex = at;
    const end = special.exec(text)?.index ?? text.length;
    cells.push(cell + text.slice(at, end));
    at = end + 1;
    if (text[end] === mark) continue;
    if (text[end] === "\r" && text[at] === "\n") at += 1;
    if (cells.length > 1 || cells[0] || marked) found.push({ line: begun, cells });
    line += 1;
    [begun, cells, marked] = [line, [], false];
  }
  return found;
}

/** The delimiter that gives most rows as many cells as the first, and of those most cells. */
function sniffed(text) {
  const first = /^[\r\n]*([^\r\n]*)/.exec(text)[1];
  const found = DELIMITERS.filter((mark) => first.includes(mark));
  if (found.length < 2) return found[0] ?? ",";
  const lines = text
    .match(/[^\r\n]*(\r\n?|\n|$)/g)
    .slice(0, SNIFFED + 1)
    .join("");
  const fit = (mark) => {
    const rows = records(lines, mark, false);
    const width = rows[0]?.cells.length ?? 0;
    const same =
      rows.filter(({ cells }) => cells.length === width).length / Math.max(1, rows.length);
    return [width > 1 ? same : 0, width];
  };
  const fits = found.map((mark) => [mark, ...fit(mark)]);
  return fits.reduce((a, b) => (b[1] > a[1] || (b[1] === a[1] && b[2] > a[2]) ? b : a))[0];
}

/** The names of the columns, each once and none empty. */
function columnNames(header) {
  if (header.length > MOST_COLUMNS) wrong(`A table must have at most ${MOST_COLUMNS} columns.`);
  const names = header.map((text, n) => learnt.stripped(text) || `column ${n + 1}`);
  if (header.every((text) => !learnt.stripped(text))) {
    wrong("The table must have a first line of column names; it is empty.");
  }
  const seen = new Set();
  for (const name of names) {
    if (seen.has(name))
      wrong(`The table must have each column name once; ${learnt.quoted(name)} is there twice.`);
    seen.add(name);
  }
  return names;
}

/** A table's names and rows (cells are texts, or null): {names, rows: [{line, cells}]}. */
learnt.table = (text) => {
  text = text.replaceAll("\0", "").replace(/^\ufeff/, "");
  const told = /^[\r\n]*sep=(.)[ \t]*(\r\n?|\n)/.exec(text);
  const mark = told ? told[1] : sniffed(text);
  const [header, ...rest] = records(told ? text.slice(told[0].length) : text, mark, true);
  if (!header) wrong("The table is empty: it must have a first line of column names.");
  const names = columnNames(header.cells);
  const width = names.length;
  for (const row of rest) {
    const { line, cells } = row;
    if (cells.length < width || cells.slice(width).some(Boolean)) {
      const cells_ = width > 1 ? "cells" : "cell";
      wrong(
        `Line ${line}: every row must have ${width} ${cells_}, as the first line has; it has ` +
          `${cells.length}. A cell that holds the delimiter must be in quotes.`,
      );
    }
    row.cells = cells.slice(0, width).map((cell) => cell || null);
  }
  return { names, rows: rest };
};

// Bytes from 128 on as `x-user-defined` shows them, behind U+F700: characters of UTF-8, or single.
const CHARACTERS = new RegExp(
  [
    "[\\uf7c2-\\uf7df]T",
    "\\uf7e0[\\uf7a0-\\uf7bf]T",
    "[\\uf7e1-\\uf7ec\\uf7ee\\uf7ef]TT",
    "\\uf7ed[\\uf780-\\uf79f]T",
    "\\uf7f0[\\uf790-\\uf7bf]TT",
    "[\\uf7f1-\\uf7f3]TTT",
    "\\uf7f4[\\uf780-\\uf78f]TT",
    "[\\uf780-\\uf7ff]",
  ]
    .join("|")
    .replaceAll("T", "[\\uf780-\\uf7bf]"),
  "g",
);

/** The text of bytes that are not all UTF-8, those that are not as Windows-1252; and the first
 * line that has such. */
function mended(bytes) {
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  const windows = new TextDecoder("windows-1252");
  let first = null;
  const text = new TextDecoder("x-user-defined").decode(bytes).replace(CHARACTERS, (found, at) => {
    const part = Uint8Array.from(found, (letter) => letter.charCodeAt(0) & 0xff);
    if (part.length > 1) return utf8.decode(part);
    first ??= at;
    return windows.decode(part);
  });
  return [text, bytes.subarray(0, first).reduce((lines, byte) => lines + (byte === 10), 1)];
}

/** Bytes of a table's file → [its text, what is to be said of it]. */
learnt.tableText = (bytes, name = "the table") => {
  const starts = (...magic) => magic.every((byte, n) => bytes[n] === byte);
  if (starts(0x50, 0x4b, 3, 4)) wrong("That is a zip archive (an .xlsx is one): save it as CSV.");
  const utf16 = starts(0xff, 0xfe) || starts(0xfe, 0xff);
  if (utf16) return [learnt.decoded(bytes)[0], ""];
  if (starts(0x50, 0x41, 0x52, 0x31) || starts(0x1f, 0x8b) || bytes.subarray(0, 4096).includes(0)) {
    wrong("That is no text: a page reads CSV; give other tables to the program itself.");
  }
  try {
    return [new TextDecoder("utf-8", { fatal: true }).decode(bytes), ""];
  } catch {
    const [text, line] = mended(bytes);
    const what = `${name} is not in UTF-8 (first in line ${line})`;
    return [text, `${what}: such bytes were read as Windows-1252`];
  }
};

/** Rows of cells as CSV, as Python's csv writes it. */
learnt.csv = (rows) => {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows
    .map((row) => `${row.length === 1 && !row[0] ? '""' : row.map(cell).join(",")}\n`)
    .join("");
};
