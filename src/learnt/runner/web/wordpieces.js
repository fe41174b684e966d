// A text → the numbers of its words, by the tokenizer.json in the program, as wordpieces.py.
//
// Pieces, special words and templates are @huggingface/tokenizers' own. How a text is cleaned and
// cut is written here: the JavaScript library differs from the one that trained in Chinese
// characters beyond U+FFFF, the Greek final sigma, WordLevel, truncation, and newer Unicode.

// Where the Unicode tables of the library that trained are older than a browser's.
const OLD_PUNCTUATION = ranges("166d 111c9");
const NEW_PUNCTUATION = ranges(
  "61d 9fd a76 c77 c84 1b4e-1b4f 1b7d-1b7f 2e43-2e4f 2e52-2e5d 10d6e 10ead 10ed0 10f55-10f59 " +
    "10f86-10f89 113d4-113d5 113d7-113d8 1144b-1144f 1145a-1145b 1145d 11660-1166c 116b9 1183b " +
    "11944-11946 119e2 11a3f-11a46 11a9a-11a9c 11a9e-11aa2 11b00-11b09 11be1 11c41-11c45 " +
    "11c70-11c71 11ef7-11ef8 11f43-11f4f 11fff 12ff1-12ff2 16d6d-16d6f 16e97-16e9a 16fe2 1e5ff " +
    "1e95e-1e95f",
);
const OLD_MARKS = ranges("1734 1171e");
const NEW_MARKS = ranges(
  "7fd 897-89f 8ca-8e1 9fe afa-aff b55 c04 c3c d00 d3b-d3c d81 eba ece 180f 1885-1886 1abf-1add " +
    "1ae0-1aeb 1df6-1dfb a82c a8c5 a8ff a9bd 10d24-10d27 10d69-10d6d 10eab-10eac 10efa-10eff " +
    "10f46-10f50 10f82-10f85 11070 11073-11074 110c2 111c9 111cf 1123e 11241 1133b 113bb-113c0 " +
    "113ce 113d0 113d2 113e1-113e2 11438-1143f 11442-11444 11446 1145e 1182f-11837 11839-1183a " +
    "1193b-1193c 1193e 11943 119d4-119d7 119da-119db 119e0 11a01-11a0a 11a33-11a38 11a3b-11a3e " +
    "11a47 11a51-11a56 11a59-11a5b 11a8a-11a96 11a98-11a99 11b60 11b62-11b64 11b66 11c30-11c36 " +
    "11c38-11c3d 11c3f 11c92-11ca7 11caa-11cb0 11cb2-11cb3 11cb5-11cb6 11d31-11d36 11d3a " +
    "11d3c-11d3d 11d3f-11d45 11d47 11d90-11d91 11d95 11d97 11ef3-11ef4 11f00-11f01 11f36-11f3a " +
    "11f40 11f42 11f5a 13440 13447-13455 1611e-16129 1612d-1612f 16f4f 16fe4 1cf00-1cf2d " +
    "1cf30-1cf46 1e000-1e006 1e008-1e018 1e01b-1e021 1e023-1e024 1e026-1e02a 1e08f 1e130-1e136 " +
    "1e2ae 1e2ec-1e2ef 1e4ec-1e4ef 1e5ee-1e5ef 1e6e3 1e6e6 1e6ee-1e6ef 1e6f5 1e944-1e94a",
);
const NEW_CONTROLS = ranges("890-891 8e2 110cd 13430-1343f");

const ASCII = "!-\\/:-@\\[-`{-~";
const MARK = `(?![${NEW_PUNCTUATION}])[\\p{P}${ASCII}${OLD_PUNCTUATION}]`;
const CUT = new RegExp(`${MARK}|(?:(?!${MARK})\\S)+`, "gu");
const CONTROL = new RegExp(
  `(?![\\t\\n\\r${NEW_CONTROLS}])[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}\\ufffd]`,
  "gu",
);
const CHINESE = new RegExp(
  `[${ranges("3400-4dbf 4e00-9fff f900-faff 20000-2a6df 2a700-2b81f 2b920-2ceaf 2f800-2fa1f")}]`,
  "gu",
);
const ACCENT = new RegExp(`(?![${NEW_MARKS}])[\\p{Mn}${OLD_MARKS}]`, "gu");
const LONGEST_TEXT = 1e6; // letters

/** "61d 1b4e-1b4f" → the inside of a regular expression's class. */
function ranges(text) {
  return text.replace(/[0-9a-f]+/g, (hex) => `\\u{${hex}}`).replaceAll(" ", "");
}

/** What BERT does to a text before it is cut; `rules` are those of the file. */
function cleaned(text, rules) {
  if (rules.clean_text) text = text.replace(CONTROL, "").replace(/\s/g, " ");
  if (rules.handle_chinese_chars) text = text.replace(CHINESE, " $& ");
  if (rules.strip_accents ?? rules.lowercase) text = text.normalize("NFD").replace(ACCENT, "");
  // A letter at a time, so a sigma at the end of a word is as any other.
  return rules.lowercase ? text.replaceAll("Σ", "σ").toLowerCase() : text;
}

/** The function text → numbers, at most `limit`. `data` is a tokenizer.json, read. */
learnt.tokenizer = (data, limit) => {
  const { Tokenizer } = tokenizers;
  const { model: kind, normalizer, pre_tokenizer: pre, post_processor: post } = data;
  const whole = kind.type === "WordLevel"; // which the library lacks: a word is known, or is not
  const model = whole ? { ...kind, type: "WordPiece" } : kind;
  const library = new Tokenizer(
    { ...data, model, normalizer: null, pre_tokenizer: null, decoder: null },
    {},
  );
  library.normalizer = normalizer ? (text) => cleaned(text, normalizer) : null;
  library.pre_tokenizer = pre ? (text) => text.match(CUT) ?? [] : null;
  if (whole) library.model.encode = (words) => words;
  const unknown = library.token_to_id(kind.unk_token);
  const around = post ? library.post_processor([], null, true).tokens.length : 0;
  return (text) => {
    let words = library.encode_text(text.slice(0, LONGEST_TEXT)).slice(0, limit - around);
    if (post) words = library.post_processor(words, null, true).tokens;
    return words.map((word) => library.token_to_id(word) ?? unknown);
  };
};

/** A text's letters as Unicode numbers: lower case, one space between words and around all;
 * controls and other characters that cannot be seen are spaces. */
learnt.letters = (text, limit) => {
  let plain = learnt.split(learnt.first(text, 4 * limit).toLowerCase()).join(" ");
  plain = learnt.first(plain, 2 * limit);
  if (/[\p{C}\p{Z}]/u.test(plain.replaceAll(" ", ""))) {
    plain = learnt.split(plain.replace(/[\p{C}\p{Z}]/gu, " ")).join(" ");
  }
  return Array.from(` ${plain} `, (letter) => letter.codePointAt(0)).slice(0, limit);
};
