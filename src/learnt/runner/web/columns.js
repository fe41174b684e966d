// Cells of a table → the numbers that a graph takes: what columns.py does, rule by rule.

const UNSEEN = 0; // the numbers of categories
const MISSING = 1;
const FIRST = 2;
const MISSING_WORDS = new Set([
  "",
  "na",
  "n/a",
  "#n/a",
  "nan",
  "null",
  "none",
  "nil",
  "?",
  "-",
  "--",
]);
const NUMBER = /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/;
const GROUPED = /^[-+]?\d{1,3}(,\d{3})+(\.\d*)?$/; // 1,234,567.8
const COMMA = /^[-+]?(\d{1,3}(\.\d{3})+|\d+)?,\d+([eE][-+]?\d+)?$/; // 1.234,5
const INFINITE = /^[-+]?inf(inity)?$/i;
const YES = new Set(["true", "t", "yes", "y", "1", "on"]);
const NO = new Set(["false", "f", "no", "n", "0", "off"]);
const DATES = ["%Y/%m/%d", "%Y%m%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S %Z"];
const DAY_FIRST = [
  "%d.%m.%Y",
  "%d.%m.%Y %H:%M",
  "%d.%m.%Y %H:%M:%S",
  "%d/%m/%Y",
  "%d/%m/%Y %H:%M",
  "%d/%m/%Y %H:%M:%S",
  "%d-%m-%Y",
];
const MONTH_FIRST = ["%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m-%d-%Y"];
const PARTS = { month: 12, weekday: 7, hour: 24 }; // of a date, with how many values
const DAY = 86_400_000; // milliseconds
const LARGEST = 1e100; // numbers beyond count as infinite

const isMissing = (text) =>
  text.length < 12 && MISSING_WORDS.has(learnt.stripped(text).toLowerCase());

/** A cell as a category's text; null where it is missing. */
learnt.cellText = (cell) => {
  if (typeof cell === "boolean") return String(cell);
  if (typeof cell === "number") {
    if (!Number.isFinite(cell)) return null;
    return Number.isSafeInteger(cell) ? String(cell) : learnt.repr(cell);
  }
  const text = cell === null || cell === undefined ? "" : learnt.stripped(String(cell));
  return isMissing(text) ? null : text;
};

/** Numbers as people write them: 1,234.5 and $12 and 45 %; null for other text. */
function plainNumber(text, comma) {
  text = learnt
    .stripped(learnt.stripped(text).replace(/^[$€£%]+|[$€£%]+$/g, ""))
    .replaceAll("\u2212", "-");
  if (comma && COMMA.test(text)) text = text.replaceAll(".", "").replaceAll(",", ".");
  else if (GROUPED.test(text)) text = text.replaceAll(",", "");
  if (NUMBER.test(text)) return Number(text);
  return INFINITE.test(text) ? Infinity : null;
}

/** A reading is {numbers, places, odd}: odd says what was odd with a cell, if anything. */
const reading = (numbers, places, odd = "") => ({ numbers, places, odd });

function readNumber({ comma = false }, cell) {
  let value = NaN;
  if (typeof cell === "string") {
    const found = NUMBER.test(cell) && !comma ? Number(cell) : plainNumber(cell, comma);
    if (found === null) return reading([NaN], [], isMissing(cell) ? "" : "not a number");
    value = found;
  } else if (typeof cell === "number" || typeof cell === "boolean") value = Number(cell);
  if (Math.abs(value) < LARGEST) return reading([value], []);
  return reading([NaN], [], Number.isNaN(value) ? "" : "infinite");
}

function readCategory({ places }, cell) {
  let place = typeof cell === "string" ? places.get(cell) : undefined;
  if (place !== undefined) return reading([], [place]);
  const text = learnt.cellText(cell);
  if (text === null) return reading([], [MISSING]);
  place = places.get(text) ?? UNSEEN;
  return reading([], [place], place ? "" : "unseen");
}

function readYesNo(_, cell) {
  const word = learnt.cellText(cell)?.toLowerCase();
  if (word === undefined) return reading([], [MISSING]);
  const place = YES.has(word) ? FIRST + 1 : NO.has(word) ? FIRST : UNSEEN;
  return reading([], [place], place ? "" : "neither yes nor no");
}

function readDate({ parts = [], formats }, cell) {
  const text = learnt.cellText(cell);
  const when = text === null ? null : parsedDate(text, formats);
  if (when === null) {
    return reading(
      [NaN],
      parts.map(() => MISSING),
      text === null ? "" : "not a date",
    );
  }
  const date = new Date(Math.floor(when));
  const told = {
    month: date.getUTCMonth(),
    weekday: (date.getUTCDay() + 6) % 7,
    hour: date.getUTCHours(),
  };
  return reading(
    [when / DAY],
    parts.map((part) => FIRST + told[part]),
  );
}

// The parts of a format, as Python's strptime takes them.
const FIELDS = {
  Y: "(?<Y>\\d{4})",
  m: "(?<m>1[0-2]|0[1-9]|[1-9])",
  d: "(?<d>3[01]|[12]\\d|0[1-9]|[1-9]| [1-9])",
  H: "(?<H>2[0-3]|[01]\\d|\\d)",
  M: "(?<M>[0-5]\\d|\\d)",
  S: "(?<S>6[01]|[0-5]\\d|\\d)",
  Z: "(?:utc|gmt)",
};

const pattern = (format) =>
  new RegExp(
    `^${format
      .replaceAll(".", "\\.")
      .replace(/%(\w)/g, (_, name) => FIELDS[name])
      .replaceAll(" ", "\\s+")}$`,
    "i",
  );

/** Milliseconds since 1970 of a day and time; null where there is no such day. */
function moment(year, month, day, hour = 0, minute = 0, second = 0) {
  if (year < 1 || year > 9999 || hour > 23 || minute > 59 || second >= 60) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  return date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000;
}

const ISO_DAY = /^(\d{4})-(?:(\d\d)-(\d\d)|W(\d\d)(?:-([1-7]))?)(?:[^](.+))?$/;
const ISO_TIME = new RegExp(
  "^(\\d\\d)(?:(:?)(\\d\\d)(?:\\2(\\d\\d)(?:[.,](\\d+))?)?)?" +
    "(Z|([-+])(\\d\\d)(?:(:?)(\\d\\d)(?:\\9(\\d\\d)(?:[.,](\\d+))?)?)?)?$",
);

/** The Monday of a week of the ISO calendar, in days since 1970. */
function monday(year, week) {
  const fourth = moment(year, 1, 4) / DAY; // always in the first week
  return fourth - ((new Date(fourth * DAY).getUTCDay() + 6) % 7) + 7 * (week - 1);
}

/** Milliseconds (UTC where a zone is told) of a date in ISO 8601; null for other text. */
function isoDate(text) {
  const [, year, month, day, week, weekday = 1, time] = ISO_DAY.exec(text) ?? [];
  if (!year) return null;
  let at = week ? monday(+year, +week) * DAY + (weekday - 1) * DAY : moment(+year, +month, +day);
  if (
    week &&
    (week < 1 || week > 53 || (week === "53" && monday(+year + 1, 1) <= at / DAY - weekday + 1))
  )
    return null;
  if (at === null || !time) return at;
  const found = ISO_TIME.exec(time);
  if (!found) return null;
  const [, hour, , minute = 0, second = 0, part = "", , sign, , , , ,] = found;
  if (hour > 23 || minute > 59 || second > 59) return null;
  at += ((+hour * 60 + +minute) * 60 + +second) * 1000 + Number(`.${part.slice(0, 6)}0`) * 1000;
  if (!sign) return at;
  const [offset, minutes, seconds] = [found[8], found[10] ?? 0, found[11] ?? 0];
  if (offset > 23 || minutes > 59 || seconds > 59) return null;
  return at - Number(`${sign}1`) * ((+offset * 60 + +minutes) * 60 + +seconds) * 1000;
}

/** Milliseconds of a date in ISO 8601 or in one of the formats; null where it is none. */
function parsedDate(text, formats) {
  if (text.length < 6 || text.length > 40 || !/^\d/.test(text)) return null;
  let found = text[4] === "-" ? isoDate(text) : null;
  for (const format of found === null ? formats : []) {
    const parts = format.exec(text)?.groups;
    if (parts)
      found = moment(...["Y", "m", "d", "H", "M", "S"].map((name) => Number(parts[name] ?? 0)));
    if (found !== null) break;
  }
  const [first, last] = [moment(1, 1, 1), moment(9999, 12, 31) + DAY];
  return found === null || found < first || found >= last ? null : found;
}

const KINDS = {
  number: readNumber,
  category: readCategory,
  "yes or no": readYesNo,
  date: readDate,
};

/** A column by its description in the manifest: with `read`, from a cell to its reading. */
function column(spec) {
  const made = { ...spec };
  if (spec.kind === "category")
    made.places = new Map(spec.values.map((value, n) => [value, FIRST + n]));
  if (spec.kind === "date") {
    made.formats = [...DATES, ...(spec.order === "month" ? MONTH_FIRST : DAY_FIRST)].map(pattern);
  }
  made.read = (cell) => KINDS[spec.kind](made, cell);
  return made;
}

/** All columns of a table: their `names`, `known` (the same, as a Set), and `read`, from cells by
 * name to one row's numbers, places, and what was odd by column. */
learnt.columns = (specs) => {
  const all = specs.map(column);
  const read = (cells) => {
    const row = { numbers: [], places: [], odd: {} };
    for (const { name, read } of all) {
      const found = read(Object.hasOwn(cells, name) ? cells[name] : null);
      row.numbers.push(...found.numbers);
      row.places.push(...found.places);
      if (found.odd) row.odd[name] = found.odd;
    }
    return row;
  };
  const names = all.map(({ name }) => name);
  return { all, names, known: new Set(names), read };
};

/** What was odd with a cell, in words. */
learnt.oddWords = (odd) =>
  odd === "unseen" ? "of a value that training never saw" : `${odd}: taken as missing`;
