// Programs that listen: to a file, or to the microphone once a person asks for it.

const { make } = learnt;
const RATE = 16_000;
const MAX_SECONDS = 60;
const MOST_BYTES = 64 * 2 ** 20; // of a file, from its beginning

let place, recorder, button, player;
let asking = false; // the person, whether the microphone may be used

/** A sound's picture: its loudness over time, and the stretch that is heard. */
function picture({ all, samples, from }, width = 640, height = 192) {
  const canvas = make("canvas", { width, height, className: "wave" });
  canvas.setAttribute("role", "img");
  const heard = Math.min(all.length, samples.length) / RATE;
  const whole = (all.length / RATE).toFixed(1);
  const begins = (from / RATE).toFixed(1);
  const part = `${heard.toFixed(1)} of them are heard, from ${begins} on`;
  canvas.ariaLabel = `A sound of ${whole} seconds; ${part}`;
  const style = getComputedStyle(document.documentElement);
  const pen = canvas.getContext("2d");
  pen.fillStyle = style.getPropertyValue("--tint");
  const scale = width / all.length;
  pen.fillRect(from * scale, 0, Math.min(all.length, samples.length) * scale, height);
  pen.fillStyle = style.getPropertyValue("--accent");
  const most = all.reduce((a, b) => Math.max(a, Math.abs(b)), 1);
  for (let x = 0; x < width; x += 2) {
    const part = all.subarray(
      Math.floor(x / scale),
      Math.max(Math.floor((x + 2) / scale), Math.floor(x / scale) + 1),
    );
    const loud = part.reduce((a, b) => Math.max(a, Math.abs(b)), 0) / most;
    const tall = Math.max(2, height * loud * 0.94);
    pen.fillRect(x, height / 2 - tall / 2, 1.4, tall);
  }
  return canvas;
}

/** Show a sound, and let it be played. */
function preview(sound, bytes, type) {
  if (player) URL.revokeObjectURL(player.src);
  player = make("audio", {
    controls: true,
    src: URL.createObjectURL(new Blob([bytes], { type })),
    ariaLabel: "What was given",
  });
  const seconds = sound.all.length / RATE;
  const heard = Math.min(seconds, sound.samples.length / RATE);
  const words =
    heard < seconds
      ? `the shaded ${heard.toFixed(1)} of ${seconds.toFixed(1)} s are heard: the loudest stretch`
      : `${seconds.toFixed(1)} s`;
  place.replaceChildren(picture(sound), learnt.hint(words), player);
}

async function given(bytes, type) {
  const sound = await learnt.sound(bytes, learnt.manifest.input.size);
  preview(sound, bytes, type);
  await learnt.answer(sound);
}

const file = async (found) => {
  const begins = await found.slice(0, MOST_BYTES).arrayBuffer();
  await given(new Uint8Array(begins), found.type);
};

/** Listen until the button is pressed again, or a minute is over. */
async function record() {
  if (asking) return;
  if (recorder) {
    recorder.stop();
    return;
  }
  let stream;
  asking = true;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch {
    throw new learnt.Problem("The microphone cannot be used: allow it, or give a file.");
  } finally {
    asking = false;
  }
  const parts = [];
  const begun = new MediaRecorder(stream);
  recorder = begun;
  begun.addEventListener("dataavailable", ({ data }) => parts.push(data));
  begun.addEventListener("stop", () => {
    clearTimeout(end);
    stream.getTracks().forEach((track) => track.stop());
    const type = begun.mimeType;
    recorder = null;
    button.textContent = "Record";
    learnt.doing(async () => given(await learnt.bytesOf(new Blob(parts, { type })), type));
  });
  const end = setTimeout(() => begun.stop(), 1000 * MAX_SECONDS);
  begun.start();
  button.textContent = "Stop and listen";
}

learnt.kinds.sound = {
  start(controls) {
    place = make("div", { className: "heard" });
    const drop = make(
      "div",
      { className: "drop" },
      learnt.chooser("Choose a sound", "audio/*", file),
      learnt.hint("or drop one here: WAV, FLAC, OGG, MP3"),
      place,
    );
    learnt.onDrop(drop, file);
    button = learnt.quietButton("Record", record);
    controls.append(drop);
    if (navigator.mediaDevices?.getUserMedia && typeof MediaRecorder !== "undefined")
      controls.append(button);
  },
  read: (bytes) => learnt.sound(bytes, learnt.manifest.input.size),
  take: (bytes) => given(bytes, "audio/wav"),
  feeds({ samples }) {
    return { samples: new ort.Tensor("int16", samples, [1, samples.length]) };
  },
  answer: (row, { note }) => ({ ...learnt.outputs.classes(row.data, learnt.manifest), note }),
  async example(bytes) {
    return picture(await this.read(bytes), 240, 80);
  },
};
