// The page: unpacks the program, offers its examples, runs it, shows what it says.

const { find, make } = learnt;
const TOLERANCE = 1e-3; // of an answer, between this machine and the one that trained

/** Show a message, or take it away. */
learnt.problem = (message = "") => {
  find("problem").textContent = message;
  find("problem").hidden = !message;
  if (message) find("problem").scrollIntoView({ block: "nearest" });
};

let busy = 0; // things that are being done

/** Try something: what goes wrong is one message. */
learnt.trying = async (work) => {
  learnt.problem();
  busy += 1;
  document.body.classList.add("busy");
  try {
    await work();
  } catch (error) {
    if (error instanceof Outdated) return;
    if (!(error instanceof learnt.Problem)) console.warn(error);
    learnt.problem(error instanceof learnt.Problem ? error.message : `It failed: ${error.message}`);
  } finally {
    busy -= 1;
    document.body.classList.toggle("busy", busy > 0);
  }
};

let asked = 0; // how many answers a person has asked for
let current = 0; // the number of the one that is worked on
let before = Promise.resolve();

class Outdated extends Error {}

/** Go on with an answer, unless a person has asked for another meanwhile. */
learnt.goOn = () => {
  if (current !== asked) throw new Outdated();
};

/** Give the answer that a person asked for: one after the other, so the last one asked for is the
 * last one shown. Where there is none, none is shown. */
learnt.doing = (work) => {
  const mine = ++asked;
  const attempt = async () => {
    current = mine;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Outdated)) learnt.unanswered();
      throw error;
    }
  };
  before = before.then(() => mine === asked && learnt.trying(attempt));
  return before;
};

let turn = Promise.resolve(); // one run after the other, in the order they were asked for

/** The graph's first result for one batch of named tensors: {data, dims}. */
learnt.run = (feeds) => {
  const result = turn.then(async () => {
    const session = await learnt.session;
    return (await session.run(feeds))[session.outputNames[0]];
  });
  turn = result.catch(() => {});
  return result;
};

/** Count the answers, so that whoever waits for one sees it. */
learnt.answered = () => {
  document.body.dataset.answers = Number(document.body.dataset.answers ?? 0) + 1;
};

/** Run one item and show the answer; `learnt.last` keeps the row that the graph gave. */
learnt.answer = async (item) => {
  await learnt.session;
  await learnt.pause();
  const begun = performance.now();
  const row = await learnt.run(learnt.kind.feeds(item));
  const time = performance.now() - begun;
  const answer = await said(row, item);
  learnt.goOn();
  learnt.last = { row: row.data, dims: row.dims, time };
  learnt.show(answer);
  learnt.answered();
  find("time").textContent = `Answered in ${time < 10 ? time.toFixed(1) : Math.round(time)} ms.`;
};

/** What is said of a row: the kind may have its own words. */
function said(row, item) {
  if (learnt.kind.answer) return learnt.kind.answer(row, item);
  return learnt.outputs[learnt.manifest.output?.kind ?? "classes"](row.data, learnt.manifest);
}

function head() {
  const { manifest } = learnt;
  const name = manifest.name || "A program";
  const question = /^# (?:.*?: )?(.+)/.exec(learnt.text("card.md"))?.[1] ?? "";
  document.title = name;
  find("name").textContent = name;
  find("question").append(...learnt.line(question.charAt(0).toUpperCase() + question.slice(1)));
  find("card").replaceChildren(...learnt.card(learnt.text("card.md")));
  find("facts").replaceChildren(...facts(manifest));
}

/** The figure, what it is compared with, and how large the program is. */
function facts({ figures = {} }) {
  const shown = [];
  const isShare = !/RMSE|MAE|error|loss|bits/i.test(figures.metric ?? "");
  const words = (value) => {
    return isShare ? learnt.percent(value) : learnt.number(Number(value.toPrecision(4)));
  };
  if (typeof figures.value === "number") {
    shown.push([figures.metric, words(figures.value)]);
    if (typeof figures.baseline === "number") {
      shown.push(["without learning", words(figures.baseline)]);
    }
    if (figures.n) shown.push(["examples it was tested on", figures.n.toLocaleString("en")]);
  }
  const size = learnt.parts["model.onnx"].length;
  const large = `${(size / 1e6).toFixed(1)} MB`;
  shown.push(["size of the model", size < 1e6 ? `${Math.round(size / 1e3)} kB` : large]);
  return shown.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
}

/** The inputs that travel in the program, in their order. */
const travelling = () =>
  Object.keys(learnt.parts)
    .filter((name) => /^selftest\/input_/.test(name))
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));

async function examples() {
  const list = find("examples").querySelector("ul");
  for (const [number, name] of travelling().entries()) {
    const shown = await learnt.kind.example(learnt.parts[name], name, number);
    const button = make("button", { type: "button", className: "example" }, shown);
    if (shown instanceof Element) button.ariaLabel = `Example ${number + 1}`;
    button.addEventListener("click", () =>
      learnt.doing(() => learnt.kind.take(learnt.parts[name], name)),
    );
    list.append(make("li", {}, button));
  }
  find("examples").hidden = !list.children.length;
}

/** How far a row is from the one wanted, as a share of the larger of it and 1. */
function away(row, wanted) {
  const far = (w, n) => Math.abs(row[n] - w) / Math.max(1, Math.abs(w));
  return wanted.reduce((most, w, n) => Math.max(most, far(w, n)), 0);
}

/** What the graph says of an item; a kind may need several runs for it. */
async function outputs(item) {
  if (learnt.kind.outputs) return learnt.kind.outputs(item);
  return Array.from((await learnt.run(learnt.kind.feeds(item))).data, Number);
}

/** Run the selftest: the names of the inputs whose answers differ from those at training. */
learnt.selftest = async () => {
  const expected = learnt.json("selftest/expected.json");
  const differing = [];
  for (const name of travelling()) {
    const item = await learnt.kind.read(learnt.parts[name], name);
    const row = await outputs(item);
    let wanted = expected[name.replace("selftest/", "")];
    if (!Array.isArray(wanted)) wanted = learnt.manifest.labels.map((label) => wanted[label]);
    const far = (learnt.kind.away ?? away)(row, wanted.flat(Infinity));
    if (row.length !== wanted.flat(Infinity).length || !(far <= TOLERANCE)) differing.push(name);
  }
  return differing;
};

async function check() {
  find("checked").textContent = "Running its examples…";
  const differing = await learnt.selftest();
  find("checked").textContent = differing.length
    ? `No: it answers differently for ${differing.join(", ")}.`
    : `Yes: ${travelling().length} inputs, the same answers as when trained.`;
}

async function opened() {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = learnt.parts["runtime.wasm"];
  const session = await ort.InferenceSession.create(learnt.parts["model.onnx"], {
    executionProviders: ["wasm"],
    logSeverityLevel: 3,
  });
  delete ort.env.wasm.wasmBinary; // the session has its own of all this
  delete learnt.parts["runtime.wasm"];
  delete learnt.parts["model.onnx"];
  return session;
}

async function start() {
  if (typeof DecompressionStream === "undefined" || typeof WebAssembly === "undefined") {
    throw new learnt.Problem("This browser is too old for this page: use a newer one.");
  }
  await learnt.unpack();
  learnt.manifest = learnt.json("manifest.json");
  learnt.kind = learnt.kinds[learnt.manifest.input.kind];
  head();
  learnt.session = opened();
  learnt.session.catch(() => {});
  await learnt.kind.start(find("controls"));
  await examples();
  find("check").addEventListener("click", () => learnt.trying(check));
  await learnt.session;
  document.body.dataset.ready = "yes";
}

learnt.trying(start);
