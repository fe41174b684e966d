// Pictures: given in whatever way → rows of bytes, prepared as the program's reader in Python
// does it: upright, transparency on white, grey or red-green-blue, made smaller by a whole factor.

const { make, Problem } = learnt;

const MAX_BYTES = 32 * 2 ** 20;
const MAX_PIXELS = 25_000_000;
const AT_ONCE = 2 ** 23; // pixels of a canvas: browsers that have a limit have it beyond
const ORIENTATION = 0x0112; // the EXIF tag that says how a camera was held

// Reading

/** A file's bytes → {width, height, data: red, green, blue and opacity}, upright. */
learnt.decodePicture = async (bytes) => {
  if (!bytes.length) throw new Problem("This file is empty: choose a picture.");
  if (bytes.length > MAX_BYTES) {
    throw new Problem(`This file has ${bytes.length} bytes: pictures may have ${MAX_BYTES}.`);
  }
  const size = sizeOf(bytes);
  if (!size) {
    throw new Problem("This is not a picture that can be read: use PNG, JPEG, GIF, BMP or WebP.");
  }
  checkPixels(size.width, size.height);
  if (learnt.isPNG(bytes) && !learnt.headPNG(bytes).interlaced) {
    const picture = await learnt.decodePNG(bytes);
    return turned(picture, orientation(picture.exif));
  }
  const picture = await decodedByBrowser(new Blob([bytes]));
  if (isJPEG(bytes) && !isOpaque(picture.data)) { // which a JPEG always is
    throw new Problem("This browser cannot read so large a picture: make it smaller first.");
  }
  return picture;
};

const isJPEG = (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8;

function checkPixels(width, height) {
  if (width * height > MAX_PIXELS) {
    const size = `${width} × ${height} pixels`;
    throw new Problem(`This picture has ${size}: at most ${MAX_PIXELS} are read.`);
  }
}

/** The size that a file says it has: null where it is no known kind of picture. */
function sizeOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const starts = (text, at = 0) => [...text].every((c, n) => bytes[at + n] === c.charCodeAt(0));
  if (bytes.length < 30) return null;
  if (learnt.isPNG(bytes)) return learnt.headPNG(bytes);
  if (starts("GIF8")) return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
  if (starts("BM")) {
    return { width: view.getInt32(18, true), height: Math.abs(view.getInt32(22, true)) };
  }
  if (starts("RIFF") && starts("WEBP", 8)) return sizeOfWebP(view, starts);
  return isJPEG(bytes) ? sizeOfJPEG(view) : null;
}

function sizeOfWebP(view, starts) {
  const long = (at) => view.getUint16(at, true) + 65536 * view.getUint8(at + 2);
  if (starts("VP8X", 12)) return { width: long(24) + 1, height: long(27) + 1 };
  if (starts("VP8L", 12)) {
    const bits = view.getUint32(21, true);
    return { width: (bits & 16383) + 1, height: ((bits >> 14) & 16383) + 1 };
  }
  return { width: view.getUint16(26, true) & 16383, height: view.getUint16(28, true) & 16383 };
}

function sizeOfJPEG(view) {
  for (let at = 2; at + 9 < view.byteLength; ) {
    const marker = view.getUint16(at);
    const isOther = [0xffc4, 0xffc8, 0xffcc].includes(marker); // tables, not a frame
    if (marker >= 0xffc0 && marker <= 0xffcf && !isOther) {
      return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    }
    at += marker === 0xffff ? 1 : 2 + view.getUint16(at + 2);
  }
  return null;
}

async function decodedByBrowser(blob) {
  let image;
  try {
    image = await createImageBitmap(blob, {
      colorSpaceConversion: "none", premultiplyAlpha: "none",
    });
  } catch {
    throw new Problem("This picture is damaged: choose another.");
  }
  checkPixels(image.width, image.height);
  return pixels(image, image.width, image.height);
}

/** The pixels of anything that can be drawn: so many rows at once as a canvas surely holds. */
function pixels(source, width, height) {
  const tall = Math.min(height, Math.ceil(AT_ONCE / width));
  const canvas = make("canvas", { width, height: tall });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const data = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y += tall) {
    context.clearRect(0, 0, width, tall);
    context.drawImage(source, 0, -y);
    const rows = Math.min(tall, height - y);
    data.set(context.getImageData(0, 0, width, rows).data, 4 * width * y);
  }
  return { width, height, data };
}

/** How a camera was held, 1 to 8, from a PNG's EXIF chunk. */
function orientation(exif) {
  if (!exif || exif.length < 14) return 1;
  const view = new DataView(exif.buffer, exif.byteOffset, exif.length);
  const little = exif[0] === 0x49;
  const first = view.getUint32(4, little);
  if (first + 2 > exif.length) return 1;
  for (let n = 0; n < view.getUint16(first, little); n += 1) {
    const at = first + 2 + 12 * n;
    if (at + 12 > exif.length) return 1;
    if (view.getUint16(at, little) === ORIENTATION) return view.getUint16(at + 8, little);
  }
  return 1;
}

/** A picture as it is to be looked at. */
function turned(picture, how) {
  if (!(how >= 2 && how <= 8)) return picture;
  const { width, height, data } = picture;
  const [w, h] = how >= 5 ? [height, width] : [width, height];
  const out = new Uint8ClampedArray(data.length);
  for (let y = 0; y < h; y += 1) {
    for (let x = 0; x < w; x += 1) {
      let [u, v] = how >= 5 ? [y, x] : [x, y];
      if ([2, 3, 7, 8].includes(how)) u = width - 1 - u;
      if ([3, 4, 6, 7].includes(how)) v = height - 1 - v;
      const from = 4 * (v * width + u);
      out.set(data.subarray(from, from + 4), 4 * (y * w + x));
    }
  }
  return { ...picture, width: w, height: h, data: out };
}

// Preparing

/**
 * {width, height, data (red, green, blue, opacity)} → the same with `channels` bytes a pixel.
 * Made smaller by `factor`, where opacity weighs; what is transparent is on white. What has an
 * opacity, if a full one, becomes grey only when it is small.
 */
learnt.prepared = (picture, channels, factor = 1) => {
  if (!(picture.veiled ?? !isOpaque(picture.data))) {
    const plain = flattened(picture, channels);
    return factor > 1 ? learnt.smaller(plain, factor) : plain;
  }
  const less = factor > 1 ? unweighed(learnt.smaller(weighed(picture), factor)) : picture;
  return flattened(less, channels);
};

function isOpaque(data) {
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return false;
  return true;
}

/** Without opacity, on white; grey is weighed as in television. */
function flattened({ width, height, data }, channels) {
  const out = new Uint8Array(width * height * channels);
  for (let from = 0, to = 0; from < data.length; from += 4, to += channels) {
    const opacity = data[from + 3];
    const white = 255 * (255 - opacity);
    const red = opacity === 255 ? data[from] : share(white + data[from] * opacity);
    const green = opacity === 255 ? data[from + 1] : share(white + data[from + 1] * opacity);
    const blue = opacity === 255 ? data[from + 2] : share(white + data[from + 2] * opacity);
    if (channels === 1) out[to] = (red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16;
    else {
      out[to] = red;
      out[to + 1] = green;
      out[to + 2] = blue;
    }
  }
  return { width, height, channels, data: out };
}

/** value / 255, rounded, in whole numbers. */
function share(value) {
  return (((value + 128) >> 8) + value + 128) >> 8;
}

function weighed(picture) {
  const data = picture.data.map((value, at) => {
    return at % 4 === 3 ? value : share(value * picture.data[at | 3]);
  });
  return { ...picture, channels: 4, data };
}

function unweighed(picture) {
  const data = picture.data.map((value, at) => {
    const opacity = picture.data[at | 3];
    if (at % 4 === 3 || opacity === 255 || opacity === 0) return value;
    return Math.min(255, Math.floor((255 * value) / opacity));
  });
  return { ...picture, data };
}

/** Each square of `factor` pixels as their mean; those at the edges may be smaller. */
learnt.smaller = ({ width, height, channels, data }, factor) => {
  const [w, h] = [Math.ceil(width / factor), Math.ceil(height / factor)];
  const out = new Uint8Array(w * h * channels);
  for (let y = 0; y < h; y += 1) {
    const bottom = Math.min(height, (y + 1) * factor);
    for (let x = 0; x < w; x += 1) {
      const right = Math.min(width, (x + 1) * factor);
      const count = (bottom - y * factor) * (right - x * factor);
      for (let c = 0; c < channels; c += 1) {
        let sum = count >> 1;
        for (let v = y * factor; v < bottom; v += 1) {
          for (let u = x * factor; u < right; u += 1) sum += data[(v * width + u) * channels + c];
        }
        out[(y * w + x) * channels + c] = Math.floor((sum * Math.floor(2 ** 24 / count)) / 2 ** 24);
      }
    }
  }
  return { width: w, height: h, channels, data: out };
};

// Being given one: dropped, pasted, chosen, or seen by the camera

/**
 * Fill `place` with the ways to give a picture; `given(picture, url)` is called with each.
 */
learnt.pictureControls = (place, given) => {
  const file = make("input", { type: "file", accept: "image/*", className: "hidden" });
  const view = make("div", { className: "view" });
  const words = make("span", { className: "drop-words" }, "Drop a picture here, paste one, or ");
  words.append(make("span", { className: "link" }, "choose a file"));
  const drop = make("label", { className: "drop" }, view, words, file);
  const take = (chosen) => learnt.doing(async () => {
    if (!chosen) throw new Problem("That was not a picture: give a picture file.");
    if (chosen.size > MAX_BYTES) throw new Problem(`Pictures may have ${MAX_BYTES} bytes.`);
    await learnt.kind.take(new Uint8Array(await chosen.arrayBuffer()), chosen.name);
  });
  file.addEventListener("change", () => {
    const [chosen] = file.files;
    file.value = ""; // so that it can be chosen again
    if (chosen) take(chosen);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) take(event.clipboardData.files[0]);
  });
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragenter" || name === "dragover");
      if (name === "drop") take(event.dataTransfer.files[0]);
    });
  }
  place.append(drop);
  if (navigator.mediaDevices?.getUserMedia) place.append(camera(view, given));
  return view;
};

let stopCamera = () => {};

/** A button that turns the camera on, and takes a picture when pressed again. */
function camera(view, given) {
  const video = make("video", { autoplay: true, muted: true, playsInline: true });
  const button = make("button", { type: "button", className: "quiet" }, "Use the camera");
  video.addEventListener("click", (event) => event.preventDefault()); // it lies in a label
  let stream = null;
  let asking = false; // the person, whether the camera may be used
  const stop = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.remove();
    button.textContent = "Use the camera";
  };
  const take = async () => {
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
      throw new Problem("The camera has shown nothing yet: wait a moment.");
    }
    const picture = pixels(video, video.videoWidth, video.videoHeight);
    stop();
    await given(picture);
  };
  const turnOn = async () => {
    if (asking) return;
    asking = true;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      throw new Problem("There is no camera, or this page may not use it.");
    } finally {
      asking = false;
    }
    video.srcObject = stream;
    view.replaceChildren(video);
    button.textContent = "Take the picture";
  };
  button.addEventListener("click", () => (stream ? learnt.doing(take) : learnt.trying(turnOn)));
  stopCamera = stop;
  addEventListener("pagehide", stop);
  return button;
}

/** A picture as a canvas can show it. */
learnt.viewable = (picture) => {
  const factor = Math.ceil(Math.sqrt((picture.width * picture.height) / AT_ONCE));
  return factor > 1 ? learnt.smaller({ ...picture, channels: 4 }, factor) : picture;
};

/** A kind of program that takes pictures: `item` makes of one what is run and answered. */
learnt.pictureKind = (item, more) => {
  let view;
  const given = async (picture) => {
    learnt.preview(view, picture);
    await learnt.answer(item(picture));
  };
  return {
    start(place) {
      view = learnt.pictureControls(place, given);
    },
    read: async (bytes) => item(await learnt.decodePicture(bytes)),
    take: async (bytes) => given(await learnt.decodePicture(bytes)),
    example: (bytes) => learnt.thumbnail(bytes),
    ...more,
  };
};

/** A prepared picture as the graph takes it. */
learnt.fed = ({ width, height, channels, data }) => ({
  images: new ort.Tensor("uint8", data, [1, height, width, channels]),
});

/** Show the picture that was given; the camera, if it is on, is no longer needed. */
learnt.preview = (view, picture) => {
  const { width, height, data } = learnt.viewable(picture);
  const canvas = make("canvas", { width, height, role: "img" });
  canvas.ariaLabel = "The picture that was given";
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(data), width), 0, 0);
  if (Math.max(width, height) < 100) canvas.classList.add("tiny");
  stopCamera();
  view.replaceChildren(canvas);
};

/** A picture as it is on a button. */
learnt.thumbnail = (bytes) => {
  const url = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  const image = make("img", { alt: "", src: url });
  image.addEventListener("load", () => {
    if (image.naturalWidth < 100) image.classList.add("tiny");
    URL.revokeObjectURL(url);
  });
  return image;
};
