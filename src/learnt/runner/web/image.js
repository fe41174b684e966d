// Programs that say one thing of a whole picture: a class, several labels, a number.

/** As the graph takes it: smaller by a whole factor if it is twice what the graph sees. */
function item(picture) {
  const { channels, size } = learnt.manifest.input;
  const factor = Math.max(1, Math.floor(Math.min(picture.width, picture.height) / size));
  return learnt.prepared(picture, channels, factor);
}

learnt.kinds.image = learnt.pictureKind(item, { feeds: learnt.fed });
