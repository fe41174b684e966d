// Programs that say one thing of a whole picture: a class, several labels, a number.

let view;

/** As the graph takes it: smaller by a whole factor if it is twice what the graph sees. */
function item(picture) {
  const { channels, size } = learnt.manifest.input;
  const factor = Math.max(1, Math.floor(Math.min(picture.width, picture.height) / size));
  return learnt.prepared(picture, channels, factor);
}

async function given(picture) {
  learnt.preview(view, picture);
  await learnt.answer(item(picture));
}

learnt.kinds.image = {
  start(place) {
    view = learnt.pictureControls(place, given);
  },
  async read(bytes) {
    return item(await learnt.decodePicture(bytes));
  },
  async take(bytes) {
    await given(await learnt.decodePicture(bytes));
  },
  feeds({ width, height, channels, data }) {
    return { images: new ort.Tensor("uint8", data, [1, height, width, channels]) };
  },
  example: (bytes) => learnt.thumbnail(bytes),
};
