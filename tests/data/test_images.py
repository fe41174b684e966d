"""`Images`: how folders and sides are read, what is left out, and what is said about it."""

import os
import shutil
from pathlib import Path

import pytest

from learnt.data.images import Images
from learnt.data.split import SIDES
from learnt.errors import DataError
from tests.pictures import photo, png_saying, take, truncated


def names(data: Images, side: str) -> set[str]:
    """The names of the files on one side."""
    return {data.pictures[i].path.name for i in data.split[side]}


def sizes(data: Images) -> tuple[int, ...]:
    """How many examples each side has."""
    return tuple(len(data.split[side]) for side in SIDES)


def test_a_folder_is_a_class(digits: Path) -> None:
    data = Images(digits)
    assert data.classes == [str(digit) for digit in range(10)]
    assert all(picture.path.parent.name == picture.label for picture in data.pictures)
    assert sizes(data) == (700, 150, 150)
    assert set(data.counts("test").values()) == {15}
    assert (data.channels, data.summary().side) == (1, 28)


def test_folders_below_a_class_belong_to_it(digits: Path, tmp_path: Path) -> None:
    take(digits, tmp_path)
    below = tmp_path / "0" / "more" / "still more"
    below.mkdir(parents=True)
    for file in sorted((digits / "0").iterdir())[20:25]:
        shutil.copy(file, below)
    data = Images(tmp_path)
    assert data.classes == ["0", "1", "2"]
    assert sum(picture.label == "0" for picture in data.pictures) == 15


def test_hidden_files_and_what_systems_leave_are_passed_over(digits: Path, tmp_path: Path) -> None:
    take(digits, tmp_path)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._0001.png"):
        (tmp_path / "1" / name).write_bytes(b"no picture")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("no picture")
    (tmp_path / "README.txt").write_text("a file beside the classes")
    data = Images(tmp_path)
    assert (len(data), data.notes) == (30, [])


@pytest.mark.parametrize("held_out", ["valid", "test", "val", "Validation"])
def test_one_held_out_folder_is_what_figures_are_measured_on(
    digits: Path, tmp_path: Path, held_out: str
) -> None:
    take(digits, tmp_path / "train", {"0": 20, "1": 20})
    take(digits, tmp_path / held_out, {"0": 5, "1": 5}, skip=20)
    data = Images(tmp_path)
    assert sizes(data) == (34, 6, 10)  # valid is split off from train, 15 % of each class
    assert names(data, "test") == {f.name for f in (tmp_path / held_out).rglob("*.png")}


def test_a_source_with_all_three_sides_keeps_them(digits: Path, tmp_path: Path) -> None:
    for side, skip in (("train", 0), ("valid", 10), ("test", 20)):
        take(digits, tmp_path / side, {"0": 10, "1": 10}, skip)
    data = Images(tmp_path)
    assert data.classes == ["0", "1"]
    for side in SIDES:
        assert names(data, side) == {f.name for f in (tmp_path / side).rglob("*.png")}


def test_the_names_of_sides_alone_are_ordinary_classes(digits: Path, tmp_path: Path) -> None:
    take(digits, tmp_path, {"0": 5, "1": 5})
    (tmp_path / "0").rename(tmp_path / "train")
    (tmp_path / "1").rename(tmp_path / "bus")
    assert Images(tmp_path).classes == ["bus", "train"]


def test_links_to_files_and_folders_are_followed(digits: Path, tmp_path: Path) -> None:
    source, away = tmp_path / "source", tmp_path / "away"
    take(digits, away, {"0": 12, "1": 12})
    source.mkdir()
    (source / "zero").symlink_to(away / "0")
    (source / "one").mkdir()
    for file in (away / "1").iterdir():
        (source / "one" / file.name).symlink_to(file)
    data = Images(source)
    assert (len(data), data.classes) == (24, ["one", "zero"])


def test_loops_of_links_end_and_a_folder_linked_twice_counts_once(
    digits: Path, tmp_path: Path
) -> None:
    take(digits, tmp_path)
    (tmp_path / "0" / "up").symlink_to(tmp_path)
    (tmp_path / "0" / "another class").symlink_to(tmp_path / "1")
    (tmp_path / "1" / "self").symlink_to(tmp_path / "1")
    (tmp_path / "2" / "again").symlink_to(tmp_path / "2")
    (tmp_path / "2" / "inner").mkdir()
    shutil.move(next((tmp_path / "2").glob("*.png")), tmp_path / "2" / "inner" / "one.png")
    (tmp_path / "2" / "twice").symlink_to(tmp_path / "2" / "inner")
    data = Images(tmp_path)
    assert [sum(p.label == label for p in data.pictures) for label in data.classes] == [10, 10, 10]
    files = [os.path.realpath(picture.path) for picture in data.pictures]
    assert len(set(files)) == len(files)


def test_a_class_that_is_a_link_to_another_counts_once(digits: Path, tmp_path: Path) -> None:
    take(digits, tmp_path, {"0": 10, "1": 10})
    (tmp_path / "nought").symlink_to(tmp_path / "0")
    assert Images(tmp_path).classes == ["0", "1"]


def test_byte_identical_files_are_never_on_two_sides(digits: Path, tmp_path: Path) -> None:
    take(digits, tmp_path)
    for file in sorted(tmp_path.rglob("*.png")):
        for copy in range(3):
            shutil.copy(file, file.with_name(f"{copy}-{file.name}"))
    data = Images(tmp_path)
    assert len(data) == 120
    held = [{data.pictures[i].digest for i in data.split[side]} for side in SIDES]
    assert sum(map(len, held)) == len(held[0] | held[1] | held[2]) == 30


def test_identical_files_with_different_labels_are_passed_over_with_a_note(
    digits: Path, tmp_path: Path
) -> None:
    take(digits, tmp_path)
    shutil.copy(min((digits / "0").iterdir()), tmp_path / "1" / "copy.png")
    data = Images(tmp_path)
    assert len(data) == 29
    (note,) = data.notes
    assert "passed over 2 identical files that have different labels" in note
    assert "(0, 1)" in note


def test_a_file_in_train_and_in_test_is_kept_in_test_only(digits: Path, tmp_path: Path) -> None:
    take(digits, tmp_path / "train", {"0": 20, "1": 20})
    take(digits, tmp_path / "test", {"0": 5, "1": 5}, skip=18)
    data = Images(tmp_path)
    assert sizes(data)[2] == 10
    assert not names(data, "test") & (names(data, "train") | names(data, "valid"))
    assert any(note.startswith("took 4 files out of train/") for note in data.notes)


def test_a_class_that_is_only_in_test_is_an_error(digits: Path, tmp_path: Path) -> None:
    take(digits, tmp_path / "train", {"0": 10, "1": 10})
    take(digits, tmp_path / "test", {"0": 5, "1": 5, "2": 5}, skip=20)
    with pytest.raises(DataError, match="examples on the side train; it has none of 2"):
        Images(tmp_path)


def test_a_class_that_is_not_in_test_is_noted(digits: Path, tmp_path: Path) -> None:
    take(digits, tmp_path / "train", {"0": 10, "1": 10})
    take(digits, tmp_path / "test", {"0": 5}, skip=20)
    assert any("the side test has no examples of 1" in note for note in Images(tmp_path).notes)


def test_one_seed_gives_one_split_and_another_seed_another(digits: Path) -> None:
    first, second, other = Images(digits), Images(digits), Images(digits, seed=1)
    assert first.fingerprint() == second.fingerprint() != other.fingerprint()
    assert names(first, "test") == names(second, "test") != names(other, "test")


def test_the_fingerprint_is_the_same_when_files_are_renamed_or_moved(
    digits: Path, tmp_path: Path
) -> None:
    here = take(digits, tmp_path / "here")
    before = Images(here).fingerprint()
    there = tmp_path / "there"
    here.rename(there)
    (there / "0" / "below").mkdir()
    for number, file in enumerate(sorted((there / "0").glob("*.png"), reverse=True)):
        file.rename(there / "0" / "below" / f"{number}.png")
    assert Images(there).fingerprint() == before


def test_the_fingerprint_changes_with_a_file_a_label_or_a_side(
    digits: Path, tmp_path: Path
) -> None:
    def source(name: str) -> Path:
        for side, skip in (("train", 0), ("valid", 10), ("test", 20)):
            take(digits, tmp_path / name / side, {"0": 10, "1": 10}, skip)
        return tmp_path / name

    same, file, label, side = map(source, ("same", "file", "label", "side"))
    chosen = sorted((digits / "0").iterdir())[5].name
    shutil.copy(sorted((digits / "0").iterdir())[50], file / "train" / "0" / chosen)
    (label / "train" / "0" / chosen).rename(label / "train" / "1" / chosen)
    (side / "train" / "0" / chosen).rename(side / "valid" / "0" / chosen)
    prints = [Images(folder).fingerprint() for folder in (same, file, label, side)]
    assert len(set(prints)) == 4


def test_files_that_are_no_pictures_are_named_and_skipped(digits: Path, tmp_path: Path) -> None:
    take(digits, tmp_path)
    (tmp_path / "0" / "notes.txt").write_text("not a picture")
    (tmp_path / "1" / "empty.png").touch()
    (tmp_path / "2" / "large.png").write_bytes(png_saying(9000, 9000))
    data = Images(tmp_path)
    assert len(data) == 30
    (note,) = data.notes
    assert note.startswith("left out 3 of 33 files:")
    for words in ("0/notes.txt is not a picture", "1/empty.png is empty", "2/large.png has 9000"):
        assert f"\n  {words}" in note


def test_more_than_a_tenth_of_bad_files_is_an_error_that_names_them(
    digits: Path, tmp_path: Path
) -> None:
    take(digits, tmp_path)
    for number in range(6):
        (tmp_path / "0" / f"bad-{number}.png").write_text("not a picture")
    with pytest.raises(DataError, match=r"at most 10.0 % .* 6 of 36 are \(16.7 %\)") as caught:
        Images(tmp_path)
    assert str(caught.value).count("\n  0/bad-") == 5
    assert str(caught.value).endswith("and 1 more")


def test_a_class_whose_files_are_all_bad_is_an_error_that_names_it(
    digits: Path, tmp_path: Path
) -> None:
    take(digits, tmp_path)
    (tmp_path / "nine").mkdir()
    (tmp_path / "nine" / "9.png").write_text("not a picture")
    with pytest.raises(DataError, match=r"(?s)there are none of nine: add some.*nine/9.png is not"):
        Images(tmp_path)


def test_a_picture_whose_pixels_are_damaged_is_left_out_when_that_is_found(
    digits: Path, tmp_path: Path
) -> None:
    take(digits, tmp_path)
    damaged = tmp_path / "0" / min(os.listdir(tmp_path / "0"))
    photo().convert("L").save(damaged)  # too large to be decoded at the first look
    damaged.write_bytes(truncated(damaged))
    data = Images(tmp_path)
    assert (len(data), data.notes) == (30, [])  # its header is whole
    (number,) = [i for i, picture in enumerate(data.pictures) if picture.path == damaged]
    with pytest.raises(DataError, match="is damaged") as caught:
        data.decoded(number, 1, 28)
    for _ in range(2):  # a second fit finds it again
        data.leave_out({number: str(caught.value)})
    assert sum(sizes(data)) == 29
    assert not any(number in data.split[side] for side in SIDES)
    (note,) = data.notes
    assert note.startswith(f"left out 1 of 30 files:\n  0/{damaged.name} is damaged")


def test_a_small_picture_whose_pixels_are_damaged_is_left_out_at_once(
    digits: Path, tmp_path: Path
) -> None:
    take(digits, tmp_path)
    damaged = tmp_path / "0" / min(os.listdir(tmp_path / "0"))
    damaged.write_bytes(truncated(damaged))
    data = Images(tmp_path)
    assert len(data) == 29
    assert data.notes[0].startswith(f"left out 1 of 30 files:\n  0/{damaged.name} is damaged")


def test_too_many_pictures_with_damaged_pixels_are_an_error(digits: Path, tmp_path: Path) -> None:
    data = Images(take(digits, tmp_path))
    with pytest.raises(DataError, match="4 of 30 are"):
        data.leave_out({number: f"{number}.png is damaged" for number in range(4)})
