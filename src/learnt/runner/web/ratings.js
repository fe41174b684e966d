// Programs that know who rated what: what suits a user, what is like an item. As ratings.py.

const { make } = learnt;
const TOGETHER = 4096; // pairs that are run together
const MOST = 1000; // items that one can ask for
const SUGGESTED = 50; // names that are offered while one types
const STRANGER = "this user is not known: it is what the mean of all users would rate";
const ORDER =
  "first what this user would most likely choose; the number is the rating it would get";
const NO_HISTORY = "who rated what is not in this program: rated items are named, too";

let users, items, names, titles, rated, controls;

/** The names and texts of an object of texts, in the file's order (which JSON.parse loses). */
function pairs(text) {
  const string = '"(?:[^"\\\\]|\\\\.)*"';
  const found = text.matchAll(new RegExp(`(${string})\\s*:\\s*(${string})`, "gs"));
  return new Map(Array.from(found, ([, name, value]) => [JSON.parse(name), JSON.parse(value)]));
}

const numbered = (names) => new Map(Array.from(names, (name, n) => [name, n]));
const named = (value) =>
  value === null || value === undefined ? "" : learnt.stripped(String(value));
const plainly = (text) => text.toUpperCase().toLowerCase(); // so that ß is ss
const called = (item) => titles[item] || names[item];
const asked = () => learnt.numberIn(controls.count, 1, MOST, true);

/** A pair of names as numbers: [user, item, other]. */
function read({ user, item }) {
  const number = items.get(named(item));
  if (number === undefined) throw new learnt.Problem(`The item ${named(item)} is not known.`);
  return [users.get(named(user)) ?? users.size, number, number];
}

function feeds(rows) {
  if (!Array.isArray(rows[0])) rows = [rows];
  const tensor = (n) =>
    new ort.Tensor(
      "int64",
      BigInt64Array.from(rows, (row) => BigInt(row[n])),
      [rows.length],
    );
  return { user: tensor(0), item: tensor(1), other: tensor(2) };
}

/** The best of some rows by one of the graph's numbers: [{item, value, order, similarity}]. */
async function best(rows, count, by) {
  const found = [];
  for (let at = 0; at < rows.length; at += TOGETHER) {
    const part = rows.slice(at, at + TOGETHER);
    const { data } = await learnt.run(feeds(part));
    part.forEach(([, item], n) => {
      const [value, order, similarity] = data.slice(3 * n, 3 * n + 3);
      found.push({ item, value, order, similarity });
    });
    await learnt.pause();
    learnt.goOn();
  }
  return found.sort((a, b) => b[by] - a[by]).slice(0, count);
}

/** The items that a user has rated. */
function seen(user) {
  const found = new Set();
  for (const [, first, last] of (rated[user] ?? "").matchAll(/(\d{1,8})(?:-(\d{1,8}))?/g)) {
    for (let n = Number(first); n <= Math.min(Number(last ?? first), items.size); n += 1)
      found.add(n);
  }
  return found;
}

/** What suits a user best, of what they have not rated. */
learnt.top = (name, count) => {
  const user = users.get(named(name)) ?? users.size;
  const known = seen(user);
  const left = [...items.values()].filter((item) => !known.has(item));
  return best(
    left.map((item) => [user, item, item]),
    count,
    "order",
  );
};

/** The items most similar to one. */
learnt.similar = (name, count) => {
  const number = found(name);
  const others = [...items.values()].filter((item) => item !== number);
  return best(
    others.map((other) => [users.size, other, number]),
    count,
    "similarity",
  );
};

/** The number of an item by its name, its title or a part of it. */
function found(text) {
  const wanted = named(text);
  if (items.has(wanted)) return items.get(wanted);
  const plain = plainly(wanted);
  const all = titles.map(plainly);
  for (const fits of [(t) => t === plain, (t) => t.startsWith(plain), (t) => t.includes(plain)]) {
    const some = plain ? [...all.keys()].filter((n) => fits(all[n])) : [];
    if (new Set(some.map((n) => all[n])).size === 1) return some[0];
    if (some.length) {
      const examples = some
        .slice(0, 5)
        .map((n) => titles[n])
        .join(", ");
      throw new learnt.Problem(
        `${some.length} items are called ${learnt.quoted(wanted)} or so: ${examples} …`,
      );
    }
  }
  const examples = names.slice(0, 5).join(", ");
  throw new learnt.Problem(
    `The item ${learnt.quoted(wanted)} is not known; some that are: ${examples} …`,
  );
}

/** Items in their order, each with a bar. */
function list(answers, share, text) {
  const bars = answers.map((answer) => {
    return learnt.bar({ name: called(answer.item), share: share(answer), text: text(answer) });
  });
  return make("ol", { className: "bars" }, ...bars);
}

async function suits(name) {
  await learnt.session;
  const begun = performance.now();
  const answers = await learnt.top(name, asked());
  const notes = users.has(named(name)) ? [] : [STRANGER];
  if (answers.length > 1) notes.push(ORDER);
  if (!learnt.manifest.input.history) notes.push(NO_HISTORY);
  if (!answers.length) notes.push("nothing is left: this user has rated every item");
  const high = Math.max(...answers.map(({ value }) => value), 1e-9);
  const who = named(name) || "somebody new";
  const rate = answers[0]?.value.toFixed(1);
  learnt.show({
    title: answers.length ? called(answers[0].item) : "nothing",
    detail: answers.length
      ? `first of ${answers.length} for ${who}, who would rate it ${rate}`
      : "",
    note: notes.join("; "),
    more: list(
      answers,
      ({ value }) => value / high,
      ({ value }) => value.toFixed(1),
    ),
  });
  learnt.took(begun);
}

async function alike(name) {
  await learnt.session;
  const begun = performance.now();
  const answers = await learnt.similar(name, asked());
  learnt.show({
    title: called(answers[0].item),
    detail: `most similar to ${called(found(name))}`,
    more: list(
      answers,
      ({ similarity }) => similarity,
      ({ similarity }) => similarity.toFixed(2),
    ),
  });
  learnt.took(begun);
}

/** A field that offers names while one types. */
function searched(id, label, hint, offered, act) {
  const options = make("datalist", { id: `${id}-names` });
  const input = make("input", { id, autocomplete: "off", placeholder: hint });
  input.setAttribute("list", options.id);
  const offer = () => {
    const plain = plainly(named(input.value));
    const fitting = [];
    for (const name of offered()) {
      if (plainly(name).includes(plain)) fitting.push(name);
      if (fitting.length === SUGGESTED) break;
    }
    options.replaceChildren(...fitting.map((value) => make("option", { value })));
  };
  input.addEventListener("input", offer);
  input.addEventListener("focus", offer, { once: true });
  learnt.onSubmit(input, () => act(input.value));
  return {
    input,
    place: make(
      "div",
      { className: "field" },
      make("label", { htmlFor: id }, label),
      input,
      options,
    ),
  };
}

learnt.kinds.ratings = {
  start(place) {
    const [told, things] = ["users", "items"].map((n) => pairs(learnt.text(`assets/${n}.json`)));
    [users, items, rated, titles] = [
      numbered(told.keys()),
      numbered(things.keys()),
      [...told.values()],
      [...things.values()],
    ];
    names = [...items.keys()];
    const user = searched(
      "user",
      "What suits a user",
      `one of ${users.size.toLocaleString("en")}; anybody else is new`,
      () => users.keys(),
      suits,
    );
    const item = searched(
      "item",
      "What is like an item",
      "a title, or a part of it",
      () => names.map((_, n) => called(n)),
      alike,
    );
    const count = make("input", { id: "count", type: "number", min: 1, max: MOST, value: 10 });
    controls = { user: user.input, item: item.input, count };
    place.append(
      make(
        "div",
        { className: "ask" },
        user.place,
        learnt.button("Recommend", () => suits(user.input.value)),
      ),
      make(
        "div",
        { className: "ask" },
        item.place,
        learnt.button("Find similar", () => alike(item.input.value)),
      ),
      learnt.field("How many", count),
    );
  },
  read: (bytes) => read(JSON.parse(new TextDecoder().decode(bytes))),
  async take(bytes) {
    const { user, item } = JSON.parse(new TextDecoder().decode(bytes));
    [controls.user.value, controls.item.value] = [user, called(items.get(named(item)))];
    await learnt.answer(read({ user, item }));
  },
  feeds,
  answer: ({ data }, [user, item]) => ({
    title: data[0].toFixed(1),
    detail: `what this user would rate ${called(item)}`,
    note: user < users.size ? "" : STRANGER,
  }),
  example(bytes) {
    const { user, item } = JSON.parse(new TextDecoder().decode(bytes));
    return learnt.shortened(`${user} · ${called(items.get(named(item)))}`);
  },
};
