"""fastai's AWD-LSTM on the texts of a JSON file, {side: [texts, labels]}; prints one JSON line.

As its text tutorial has it, but from scratch: the language model that it starts from lies on the
web. So the head is not trained first, and one cycle goes up to the tutorial's 1e-2.
"""

import json
import sys
import warnings
from pathlib import Path

from fastai_start import since_start

# isort: split
import pandas as pd
from fastai.text import all as text

EPOCHS = 5


def main() -> None:
    """Train, and measure on the test side; the valid side is only watched."""
    warnings.filterwarnings("ignore")
    sides = json.loads(Path(sys.argv[1]).read_text())
    frames = {
        side: pd.DataFrame({"text": texts, "label": labels, "is_valid": side == "valid"})
        for side, (texts, labels) in sides.items()
    }
    text.set_seed(42, reproducible=True)
    blocks = text.DataBlock(
        blocks=(text.TextBlock.from_df("text", n_workers=1), text.CategoryBlock),
        get_x=text.ColReader("text"),
        get_y=text.ColReader("label"),
        splitter=text.ColSplitter("is_valid"),
    )
    known = pd.concat([frames["train"], frames["valid"]], ignore_index=True)
    loaders = blocks.dataloaders(known, bs=64, num_workers=0)
    learner = text.text_classifier_learner(
        loaders, text.AWD_LSTM, drop_mult=0.5, pretrained=False, metrics=text.accuracy
    )
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(EPOCHS, 1e-2)
        rows = learner.dls.test_dl(frames["test"], with_labels=True, num_workers=0)
        _, value = learner.validate(dl=rows)
    print(json.dumps({"seconds": since_start(), "value": float(value)}))


if __name__ == "__main__":
    main()
