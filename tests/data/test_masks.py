"""Masks: pictures with a mask beside each, however they are laid out and whatever masks hold."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import learnt
from learnt.data.guess import guess
from learnt.data.legend import VOID
from learnt.data.masks import Masks
from learnt.errors import DataError, TableError

NAMES = ["background", "animal", "face", "flag", "food", "vehicle"]


@pytest.fixture
def some(scenes: Path, tmp_path: Path) -> Path:
    """Thirty of the scenes as pictures/ and masks/, to be changed."""
    for kind in ("pictures", "masks"):
        (tmp_path / kind).mkdir()
        for file in sorted((scenes / "train" / kind).iterdir())[:30]:
            shutil.copy(file, tmp_path / kind)
    return tmp_path


def rewritten(folder: Path, change, ending: str = ".png", **options) -> None:
    """Every mask as what `change` makes of its class numbers."""
    for file in (folder / "masks").iterdir():
        numbers = np.asarray(Image.open(file))
        file.unlink()
        changed = change(numbers)
        image = changed if isinstance(changed, Image.Image) else Image.fromarray(changed)
        image.save(file.with_suffix(ending), **options)


def numbers_of(scenes: Path, data: Masks, number: int) -> np.ndarray:
    name = data.pictures[number].path.stem
    return np.asarray(Image.open(scenes / "train" / "masks" / f"{name}.png"))


def test_scenes_keep_their_own_sides_and_the_names_of_their_classes(scenes):
    data = learnt.Masks(scenes)
    assert repr(data) == "Masks(168 pictures, 6 classes: 96 train, 24 valid, 48 test)"
    assert data.classes == NAMES
    assert data.notes == []
    for number in data.split.train[:5]:
        assert (data.mask(number) == numbers_of(scenes, data, number)).all()


def test_a_folder_of_pictures_and_masks_is_recognised_before_one_of_pictures(scenes, some):
    assert guess(scenes)[0] is Masks
    assert guess(some)[0] is Masks


def camvid(folder: Path) -> None:
    pictures = sorted((folder / "pictures").iterdir())
    for side, part in (("train", pictures[:20]), ("val", pictures[20:25]), ("test", pictures[25:])):
        for name in (side, f"{side}annot"):
            (folder / name).mkdir()
        for picture in part:
            picture.rename(folder / side / picture.name)
            mask = folder / "masks" / f"{picture.stem}.png"
            mask.rename(folder / f"{side}annot" / mask.name)
    (folder / "pictures").rmdir()
    (folder / "masks").rmdir()


def sides_below(folder: Path) -> None:
    for kind in ("pictures", "masks"):
        files = sorted((folder / kind).iterdir())
        for side, part in (("train", files[:25]), ("test", files[25:])):
            (folder / kind / side).mkdir()
            for file in part:
                file.rename(folder / kind / side / file.name)


def other_names(folder: Path) -> None:
    for mask in list((folder / "masks").iterdir()):
        mask.rename(mask.with_stem(f"{mask.stem}_mask"))
    (folder / "masks").rename(folder / "SegmentationClass")
    (folder / "pictures").rename(folder / "JPEGImages")


@pytest.mark.parametrize(
    ("arrange", "sizes"),
    [
        (lambda folder: None, "22 train, 4 valid, 4 test"),
        (camvid, "20 train, 5 valid, 5 test"),
        (sides_below, "21 train, 4 valid, 5 test"),
        (other_names, "22 train, 4 valid, 4 test"),
    ],
)
def test_the_usual_ways_to_lay_out_masks_are_known(some, arrange, sizes):
    arrange(some)
    data = learnt.Masks(some)
    assert len(data) == 30
    assert data.sizes() == sizes


def test_colours_are_classes_by_the_list_and_without_it_by_themselves(scenes, some):
    palette = np.array(Image.open(scenes / "train/masks/0000.png").getpalette()).reshape(-1, 3)
    rewritten(some, lambda numbers: palette[numbers].astype(np.uint8))
    plain = learnt.Masks(some)
    assert plain.classes == sorted(plain.classes)
    assert plain.classes[0] == "#000000"
    shutil.copy(scenes / "classes.csv", some)
    named = learnt.Masks(some)
    assert set(named.classes) == set(NAMES)
    names = np.array(named.classes)
    assert (names[named.mask(3)] == np.array(NAMES)[numbers_of(scenes, named, 3)]).all()


def test_the_colour_of_a_class_is_that_of_the_first_palette_that_has_it(some):
    """As an editor writes them that saves the colours of a file's own numbers only."""
    colours = [0, 0, 0, 230, 0, 0, 0, 200, 0, 0, 0, 190, 90, 80, 0, 0, 90, 80]

    def shortened(numbers: np.ndarray) -> Image.Image:
        image = Image.fromarray(numbers)
        image.putpalette(colours)
        return image

    rewritten(some, shortened)
    assert len(np.unique(np.asarray(Image.open(some / "masks" / "0000.png")))) < 6
    wanted = ["#000000", "#e60000", "#00c800", "#0000be", "#5a5000", "#005a50"]
    assert learnt.Masks(some).legend.colours == wanted


def test_where_palettes_differ_the_colours_are_the_classes(scenes, some):
    """As an editor writes them that numbers a file's colours by how often they occur."""
    palette = np.array(Image.open(scenes / "train/masks/0000.png").getpalette()).reshape(-1, 3)

    def own_palette(numbers: np.ndarray) -> Image.Image:
        there, order = np.unique(numbers, return_inverse=True)
        image = Image.fromarray(order.reshape(numbers.shape).astype(np.uint8))
        image.putpalette(palette[there].ravel().tolist())
        return image

    rewritten(some, own_palette)
    shutil.copy(scenes / "classes.csv", some)
    data = learnt.Masks(some)
    assert set(data.classes) == set(NAMES)
    names = np.array(data.classes)
    for number in range(len(data)):
        wanted = np.array(NAMES)[numbers_of(scenes, data, number)]
        assert (names[data.mask(number)] == wanted).all()


def test_black_and_white_masks_are_background_and_object(scenes, some):
    rewritten(some, lambda numbers: ((numbers > 0) * 255).astype(np.uint8))
    data = learnt.Masks(some)
    assert data.classes == ["background", "object"]
    assert (data.mask(0) == (numbers_of(scenes, data, 0) > 0)).all()


def test_255_beside_small_numbers_is_no_class(scenes, some):
    rewritten(some, lambda numbers: np.where(numbers == 3, 255, numbers).astype(np.uint8))
    data = learnt.Masks(some)
    assert data.classes == ["class 0", "class 1", "class 2", "class 4", "class 5"]
    assert any("255" in note for note in data.notes)
    for number in range(len(data)):
        assert ((data.mask(number) == VOID) == (numbers_of(scenes, data, number) == 3)).all()


def test_a_list_of_names_one_a_line_names_the_numbers(some):
    (some / "codes.txt").write_text("\n".join(["void", *"abcde"]))
    assert learnt.Masks(some).classes == ["void", "a", "b", "c", "d", "e"]


def test_masks_saved_as_jpeg_are_refused_and_so_are_photos(some):
    rewritten(some, lambda numbers: numbers * 40, ".jpg")
    with pytest.raises(DataError, match=r"saved without loss \(PNG"):
        learnt.Masks(some)
    shutil.rmtree(some / "masks")
    shutil.copytree(some / "pictures", some / "masks")
    with pytest.raises(DataError, match="one colour a class"):
        learnt.Masks(some)


def test_masks_of_one_class_are_refused(some):
    rewritten(some, lambda numbers: numbers * 0)
    with pytest.raises(DataError, match="at least 2 classes; every pixel is class 0"):
        learnt.Masks(some)


def test_numbers_beside_colours_are_refused(some):
    mask = some / "masks" / "0000.png"
    Image.open(mask).convert("RGB").save(mask)
    with pytest.raises(DataError, match="all be of one sort"):
        learnt.Masks(some)


def test_up_to_a_tenth_of_the_pictures_may_be_without_a_mask_or_of_another_size(some):
    (some / "masks" / "0003.png").unlink()
    small = some / "masks" / "0004.png"
    Image.open(small).resize((90, 96), Image.Resampling.NEAREST).save(small)
    (some / "masks" / "0005.png").write_bytes(b"no picture")
    data = learnt.Masks(some)
    assert len(data) == 27
    (note,) = data.notes
    assert "0003.jpg has no mask" in note
    assert "0004.jpg and its mask must be of one size; got 96 × 96 and 90 × 96" in note
    (some / "masks" / "0006.png").unlink()
    with pytest.raises(DataError, match=r"at most 10\.0 %"):
        learnt.Masks(some)


def test_a_mask_may_belong_to_a_picture_as_it_stands_upright(some):
    picture = some / "pictures" / "0007.jpg"
    image = Image.open(picture).crop((0, 0, 96, 64))
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was turned
    image.save(picture, exif=exif)
    Image.fromarray(np.zeros((96, 64), np.uint8)).save(some / "masks" / "0007.png")
    data = learnt.Masks(some)
    assert (len(data), data.notes) == (30, [])
    assert data.decoded(7, 3, 96).shape == (*data.mask(7).shape, 3)


def test_the_same_picture_is_never_on_two_sides(some):
    for number in range(10):
        for kind, ending in (("pictures", "jpg"), ("masks", "png")):
            file = some / kind / f"000{number}.{ending}"
            shutil.copy(file, file.with_stem(f"copy-{number}"))
    data = learnt.Masks(some)
    on = {data.pictures[i].path.stem: side for side in ("train", "valid", "test")
          for i in data.split[side]}  # fmt: skip
    assert all(on[f"000{number}"] == on[f"copy-{number}"] for number in range(10))


def test_a_folder_without_masks_or_without_names_in_common_is_an_error(some, tmp_path):
    with pytest.raises(DataError, match="a folder pictures/ and a folder masks/"):
        learnt.Masks(some / "pictures")
    for mask in list((some / "masks").iterdir()):
        mask.rename(mask.with_stem(f"x{mask.stem}"))
    with pytest.raises(DataError, match=r"no picture in .* has a mask of its name"):
        learnt.Masks(some)


@pytest.mark.parametrize(
    "text", ["number,colour\n1,#ff0000\n", "name,colour\na,red\n", "number,name\none,a\n", "\xff"]
)
def test_a_list_of_classes_that_cannot_be_is_an_error(some, text):
    (some / "classes.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(TableError, match="number,name,colour"):
        learnt.Masks(some)
