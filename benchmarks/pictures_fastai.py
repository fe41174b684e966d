"""fastai's `vision_learner` on the pictures of an .npz, and EPOCHS; prints one JSON line.

The pictures are those that learnt makes of sounds (bands by frames) or of series (Gramian angular
fields): `train`, `valid` and `test` of (N, channels, height, width), and their classes in
`train_y`, `valid_y` and `test_y`. xresnet18, fastai's own, from scratch: `fit_one_cycle` with its
defaults. Not mirrored, turned or warped, as photos are: a picture of a sound has one way up.
"""

import json
import sys

from fastai_start import since_start

# isort: split
import numpy as np
import torch
from fastai.vision import all as vision


def main() -> None:
    """Train, and measure on the test side; the valid side is only watched."""
    file, epochs = sys.argv[1], int(sys.argv[2])
    vision.set_seed(42, reproducible=True)
    with np.load(file) as arrays:
        mean, std = arrays["train"].mean(), arrays["train"].std()
        train, valid, test = (
            torch.utils.data.TensorDataset(
                vision.TensorImage(((arrays[side] - mean) / std).astype(np.float32)),
                vision.TensorCategory(arrays[f"{side}_y"].astype(np.int64)),
            )
            for side in ("train", "valid", "test")
        )
        channels, classes = arrays["train"].shape[1], int(arrays["train_y"].max()) + 1
    batch = min(64, max(8, len(train) // 8))  # as learnt's: a small set has some steps an epoch
    loaders = vision.DataLoaders.from_dsets(train, valid, bs=batch, num_workers=0, device="cpu")
    learner = vision.vision_learner(
        loaders, vision.xresnet18, pretrained=False, normalize=False, n_in=channels, n_out=classes,
        loss_func=vision.CrossEntropyLossFlat(), metrics=vision.accuracy,
    )  # fmt: skip
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(epochs)
        _, value = learner.validate(dl=vision.DataLoader(test, bs=batch, num_workers=0))
    print(json.dumps({"seconds": since_start(), "value": float(value)}))


if __name__ == "__main__":
    main()
