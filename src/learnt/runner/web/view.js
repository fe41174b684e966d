// How answers and cards look: headline, bars, and a card's Markdown as elements.

const { make, percent } = learnt;

const FIRST = 10; // bars that are shown before one asks for all
const MOST = 1000; // bars that are ever shown

/** One bar: a name, how long it is (0 to 1), what it says; in a colour of its own, if any. */
learnt.bar = ({ name, share, text = percent(share), chosen = false, colour = null }) => {
  const fill = make("span", { className: "fill" });
  if (colour) {
    fill.style.background = `rgb(${colour.join(" ")})`;
    fill.classList.add("coloured");
  }
  fill.style.width = `${100 * Math.min(1, Math.max(0, share))}%`;
  return make(
    "li",
    { className: chosen ? "bar chosen" : "bar" },
    make("span", { className: "bar-name" }, name),
    make("span", { className: "track", ariaHidden: "true" }, fill),
    make("span", { className: "bar-text" }, text),
  );
};

/** Bars, the longest first: ten, and a button for the rest. */
learnt.bars = (entries) => {
  const sorted = [...entries].sort((a, b) => b.share - a.share).slice(0, MOST);
  const list = make("ol", { className: "bars" }, ...sorted.slice(0, FIRST).map(learnt.bar));
  const place = make("div", {}, list);
  if (sorted.length > FIRST) {
    const left = entries.length > MOST ? `the first ${MOST}` : `all ${sorted.length}`;
    const more = make("button", { type: "button", className: "quiet" }, `Show ${left}`);
    more.addEventListener("click", () => {
      list.append(...sorted.slice(FIRST).map(learnt.bar));
      list.children[FIRST].tabIndex = -1;
      list.children[FIRST].focus(); // which the button had, that goes now
      more.remove();
    });
    place.append(more);
  }
  return place;
};

// What a program says of one input: {title, detail, note, bars, more: an element}.

const THRESHOLD = 0.5; // of the probability from which an example has a label

learnt.outputs.classes = (row, manifest) => {
  const best = row.reduce((first, value, n) => (value > row[first] ? n : first), 0);
  const bars = manifest.labels.map((name, n) => ({ name, share: row[n], chosen: n === best }));
  return { title: manifest.labels[best], detail: percent(row[best]), bars };
};

learnt.outputs.labels = (row, manifest) => {
  const bars = manifest.labels.map((name, n) => {
    return { name, share: row[n], chosen: row[n] >= THRESHOLD };
  });
  const chosen = bars.filter((b) => b.chosen).sort((a, b) => b.share - a.share);
  const best = bars.reduce((a, b) => (b.share > a.share ? b : a));
  return chosen.length
    ? { title: chosen.map((b) => b.name).join(", "), detail: "", bars }
    : { title: "none", detail: `the likeliest: ${best.name} ${percent(best.share)}`, bars };
};

learnt.outputs.number = (row, { figures = {} }) => {
  const isKnown = figures.metric === "RMSE" && figures.value > 0; // how far from the truth it is
  const detail = isKnown ? `± ${learnt.number(figures.value, 2)}` : "";
  return { title: learnt.number(row[0]), detail };
};

/** Show an answer, and say it to whoever listens. */
learnt.show = ({ title, detail = "", note = "", bars, more }) => {
  const isLong = title.length > 24 || title.includes(", ");
  const said = [make("p", { className: isLong ? "title long" : "title" }, title)];
  if (detail) said.push(make("p", { className: "detail" }, detail));
  if (note) said.push(make("p", { className: "note" }, note));
  learnt.find("said").replaceChildren(...said);
  const parts = [...(more ? [more] : []), ...(bars ? [learnt.bars(bars)] : [])];
  learnt.find("shown").replaceChildren(...parts);
  learnt.find("answer").scrollIntoView({ block: "nearest" });
};

/** Take the old answer away, where there is none to what was asked last. */
learnt.unanswered = () => {
  learnt.find("said").replaceChildren(make("p", { className: "empty" }, "No answer."));
  learnt.find("shown").replaceChildren();
  learnt.find("time").textContent = "";
};

// A card: the few things of Markdown that cards use, each as an element.

/** `code`, **strong** and escaped signs in a line. */
function inline(line) {
  return line.split(/(\\[!-/:-@[-`{-~]|\*\*(?:\\.|[^*\\])+\*\*|`[^`]+`)/).map((piece) => {
    if (/^\\.$/.test(piece)) return piece[1];
    if (/^\*\*.+\*\*$/.test(piece)) return make("strong", {}, ...inline(piece.slice(2, -2)));
    return /^`.+`$/.test(piece) ? make("code", {}, piece.slice(1, -1)) : piece;
  });
}

/** The cells of a line of a table; a bar with a sign before it is part of a cell. */
function cells(line) {
  const inside = line.replace(/^\||\|$/g, "");
  return inside.split(/(?<=(?:^|[^\\])(?:\\\\)*)\|/).map((cell) => cell.trim());
}

function table(lines) {
  const [head, rule, ...rows] = lines.map(cells);
  const side = (at) => ({ className: /-:$/.test(rule[at]) ? "number" : "" });
  const row = (texts, tag) =>
    make("tr", {}, ...texts.map((t, at) => make(tag, side(at), ...inline(t))));
  return make(
    "div",
    { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "A table of the card" },
    make(
      "table",
      {},
      make("thead", {}, row(head, "th")),
      make("tbody", {}, ...rows.map((texts) => row(texts, "td"))),
    ),
  );
}

/** A line of Markdown → texts and elements. */
learnt.line = inline;

/** A card's Markdown → elements; its first heading is left out, the page has it already. */
learnt.card = (markdown) => {
  const nodes = [];
  for (const block of markdown.split(/\n\s*\n/).map((b) => b.trim()).filter(Boolean)) {
    const lines = block.split("\n");
    const heading = /^(#+) (.*)/.exec(lines[0]);
    if (heading) {
      if (heading[1].length > 1) nodes.push(make("h3", {}, ...inline(heading[2])));
      lines.shift();
    }
    if (!lines.length) continue;
    if (lines[0].startsWith("|") && lines.length > 1) nodes.push(table(lines));
    else if (lines[0].startsWith("```")) {
      nodes.push(make("pre", {}, make("code", {}, lines.slice(1, -1).join("\n"))));
    } else if (lines.every((l) => /^([-*] | )/.test(l))) {
      const items = lines.join("\n").split(/^[-*] /m).slice(1);
      const points = items.map((item) => inline(item.replace(/\s*\n\s*/g, " ")));
      nodes.push(make("ul", {}, ...points.map((words) => make("li", {}, ...words))));
    } else nodes.push(make("p", {}, ...inline(lines.join(" "))));
  }
  return nodes;
};
