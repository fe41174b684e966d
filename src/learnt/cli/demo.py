"""`learnt demo`: real data, a training, a program, and the program at work."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from learnt.cli.output import progress
from learnt.cli.train import check_writable, teach

if TYPE_CHECKING:
    from learnt.data.images import Images

OUT = typer.Option(Path("digits.pyz"), "-o", "--out", help="The program file.")
AS_JSON = typer.Option(False, "--json", help="Print one JSON object, and nothing else.")


def demo(out: Path = OUT, as_json: bool = AS_JSON) -> None:
    """Learn to read handwritten digits, and run the program that comes out.

    Example: learnt demo
    """
    begun = time.perf_counter()
    from learnt.data.catalogue import dataset, get_data
    from learnt.data.images import Images
    from learnt.training.learner import Learner

    check_writable(out)
    if not as_json and not dataset("digits").folder().is_dir():
        print("Getting the data set digits (1.4 MB, once)…", flush=True)
    data = Images(get_data("digits"))
    learner = Learner(data, callbacks=progress(as_json))
    teach(learner, out, None, None, begun, as_json)
    if not as_json:
        _show(data, out)


def _show(data: "Images", out: Path) -> None:
    """Run the program, as a program, on pictures it never saw; show them with its answers."""
    from learnt.cli.pictures import side_by_side
    from learnt.runner.images import decode

    test = [data.pictures[number] for number in data.split.test]
    pictures = [next(p for p in test if p.label == label) for label in data.classes]
    command = [sys.executable, str(out), *(str(picture.path) for picture in pictures)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    answers = [line.rpartition(": ")[2] for line in done.stdout.splitlines()]
    print(
        f"\nThe program at work, on pictures it never saw:  {os.path.join('.', out)} PICTURE...\n"
    )
    captions = [
        answer if answer.split()[0] == picture.label else f"{answer} ✗ {picture.label}"
        for answer, picture in zip(answers, pictures, strict=True)
    ]
    print(side_by_side([decode(picture.path, 1) for picture in pictures], captions))
    print("\nNext: learnt train YOUR-FOLDER -o NAME.pyz   (a folder of pictures for each class)")
