"""Features: computed once a picture by the real body, kept, and found again."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageOps

from learnt.data.images import Images
from learnt.data.prepare import Preparation
from learnt.errors import OutputError
from learnt.models.bodies import body
from learnt.storage import cache_folder
from learnt.training.cache import cache_file
from learnt.training.features import BodyFeatures, PreparedPictures
from tests.pictures import photo, take, truncated

BODY = "efficientnet-lite0"
PREPARED = Preparation(224, 3)


@pytest.fixture(autouse=True)
def no_features(home: Path) -> Iterator[None]:
    """Every test begins with an empty cache of features; the body's graph may stay."""
    yield
    for file in (home / "cache" / "features").glob("*"):
        file.unlink()


def features(data: Images, views: tuple[str, ...] = ("whole",)):
    """(N, views, 1280), and how far it came each time that progress was reported."""
    seen: list[tuple[int, int]] = []
    inputs = BodyFeatures(PREPARED, body(BODY), views)
    return np.array(inputs.collect(data, lambda done, of: seen.append((done, of)))), seen


def caches() -> list[Path]:
    """The files of cached features."""
    return sorted(cache_folder("features").glob("*.sqlite"))


def cached(change: str = "", *values: object) -> dict[str, bytes]:
    """What the one cache holds, by digest; with `change`, after that was done to it."""
    (path,) = caches()
    with closing(sqlite3.connect(path)) as connection:
        if change:
            connection.execute(change, values)
            connection.commit()
        return dict(connection.execute("SELECT digest, numbers FROM features"))


def test_features_are_what_the_body_sees_in_each_prepared_picture(
    digits: Path, tmp_path: Path
) -> None:
    import onnxruntime

    data = Images(take(digits, tmp_path))
    rows, seen = features(data)
    assert rows.shape == (30, 1, 1280)
    assert rows.dtype == np.float32
    assert seen == [(done, 30) for done in range(1, 31)]
    pictures = PreparedPictures(PREPARED).collect(data, lambda done, of: None)
    session = onnxruntime.InferenceSession(body(BODY).onnx())
    wanted = session.run(None, {"pictures": np.ascontiguousarray(pictures)})[0]
    np.testing.assert_allclose(rows[:, 0], wanted, rtol=1e-3, atol=1e-4)


def test_the_second_view_is_the_picture_mirrored(tmp_path: Path) -> None:
    for number in range(3):
        square = photo().crop((number, 0, 224 + number, 224))
        for name, picture in (("cat", square), ("tac", ImageOps.mirror(square))):
            (tmp_path / name).mkdir(exist_ok=True)
            picture.save(tmp_path / name / f"{number}.png")
    rows, _ = features(Images(tmp_path), views=("whole", "flip"))
    assert rows.shape == (6, 2, 1280)
    np.testing.assert_allclose(rows[:3, 0], rows[3:, 1], rtol=1e-3, atol=1e-4)
    assert np.abs(rows[:3, 0] - rows[:3, 1]).max() > 0.2


def test_features_are_found_again_under_other_names_labels_and_sides(
    digits: Path, tmp_path: Path
) -> None:
    first = take(digits, tmp_path / "first")
    features(Images(first))
    # From now on the cache says something that no computation would: what comes, comes from it.
    mark = np.arange(1280, dtype=np.float32)
    kept = cached("UPDATE features SET numbers = ?", mark.tobytes())
    assert len(kept) == 30
    second = tmp_path / "second"
    for number, file in enumerate(sorted(first.rglob("*.png"))):
        folder = second / ("even" if number % 2 else "odd")
        folder.mkdir(parents=True, exist_ok=True)
        file.rename(folder / f"{99 - number}.png")
    rows, seen = features(Images(second, seed=5))
    assert (rows == mark).all()
    assert seen[-1] == (30, 30)
    assert cached() == kept


def test_a_second_run_gives_the_very_same_numbers(digits: Path, tmp_path: Path) -> None:
    data = Images(take(digits, tmp_path))
    first, _ = features(data)
    second, _ = features(data)
    np.testing.assert_array_equal(first, second)


def test_only_changed_and_new_pictures_are_computed(digits: Path, tmp_path: Path) -> None:
    take(digits, tmp_path)
    features(Images(tmp_path))
    mark = np.full(1280, 7, np.float32)
    before = cached("UPDATE features SET numbers = ?", mark.tobytes())
    take(digits, tmp_path, {"0": 2}, skip=20)  # two are new, and the bytes of one change
    changed = min((tmp_path / "1").iterdir())
    changed.write_bytes((digits / "1" / sorted(os.listdir(digits / "1"))[50]).read_bytes())
    data = Images(tmp_path)
    rows, _ = features(data)
    fresh = {p.path.name for p, row in zip(data.pictures, rows, strict=True) if (row != mark).any()}
    assert fresh == {changed.name, *sorted(os.listdir(digits / "0"))[20:22]}
    assert len(cached()) == len(before) + 3


def test_another_preparation_or_other_views_have_a_cache_of_their_own(
    digits: Path, tmp_path: Path
) -> None:
    data = Images(take(digits, tmp_path))
    whole, _ = features(data)
    both, _ = features(data, views=("whole", "flip"))
    assert len(caches()) == 2
    np.testing.assert_allclose(both[:, :1], whole, rtol=1e-3, atol=1e-4)
    other = BodyFeatures(Preparation(192, 3), body(BODY), ("whole",))
    assert cache_file(other._facts()) not in caches()
    same = BodyFeatures(Preparation(224, 3), body(BODY), ["whole"])
    assert cache_file(same._facts()) in caches()


def test_identical_pictures_have_one_row_in_the_cache(digits: Path, tmp_path: Path) -> None:
    take(digits, tmp_path)
    for file in sorted(tmp_path.rglob("*.png")):
        (file.with_name("copy-" + file.name)).write_bytes(file.read_bytes())
    rows, _ = features(Images(tmp_path))
    assert len(rows) == 60
    assert len(cached()) == 30


def test_a_cache_that_is_no_database_any_more_is_made_anew(digits: Path, tmp_path: Path) -> None:
    data = Images(take(digits, tmp_path))
    wanted, _ = features(data)
    (path,) = caches()
    path.write_bytes(b"no database at all " * 1000)
    rows, _ = features(data)
    np.testing.assert_allclose(rows, wanted, rtol=1e-3, atol=1e-4)
    assert len(cached()) == 30


def test_a_row_that_is_cut_short_is_computed_anew(digits: Path, tmp_path: Path) -> None:
    data = Images(take(digits, tmp_path))
    wanted, _ = features(data)
    damaged = data.pictures[3].digest
    cached("UPDATE features SET numbers = substr(numbers, 1, 100) WHERE digest = ?", damaged)
    rows, _ = features(data)
    np.testing.assert_allclose(rows, wanted, rtol=1e-3, atol=1e-4)
    assert len(cached()[damaged]) == 1280 * 4


def test_a_cache_with_damage_inside_is_refused_with_what_to_do_or_repaired(
    digits: Path, tmp_path: Path
) -> None:
    data = Images(take(digits, tmp_path))
    wanted, _ = features(data)
    (path,) = caches()
    content = bytearray(path.read_bytes())
    content[4096 : len(content) // 2] = os.urandom(len(content) // 2 - 4096)  # after its header
    path.write_bytes(content)
    try:
        rows, _ = features(data)
        np.testing.assert_allclose(rows, wanted, rtol=1e-3, atol=1e-4)
    except OutputError as error:
        message = str(error)
        assert str(path) in message
        assert message.endswith("The file may be deleted; it will be made anew")
        path.unlink()
        features(data)


def test_a_cache_that_cannot_be_opened_is_an_error_that_names_it(
    digits: Path, tmp_path: Path
) -> None:
    data = Images(take(digits, tmp_path))
    features(data)
    (path,) = caches()
    path.unlink()
    path.mkdir()
    try:
        with pytest.raises(OutputError, match=r"the cache of features .* cannot be used: unable"):
            features(data)
    finally:
        path.rmdir()


def test_a_process_killed_half_way_leaves_the_features_so_far(
    digits: Path, tmp_path: Path, home: Path
) -> None:
    source = take(digits, tmp_path / "source", {"0": 30, "1": 30, "2": 30})
    program = (
        "import os, signal, sys\n"
        "from learnt.data.images import Images\n"
        "from learnt.data.prepare import Preparation\n"
        "from learnt.models.bodies import body\n"
        "from learnt.training.features import BodyFeatures\n"
        "inputs = BodyFeatures(Preparation(224, 3), body(sys.argv[2]), ('whole',))\n"
        "def progress(done, of):\n"
        "    if done == 40:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "inputs.collect(Images(sys.argv[1]), progress)\n"
    )
    body(BODY).onnx()
    command = [sys.executable, "-c", program, str(source), BODY]
    environment = {**os.environ, "LEARNT_HOME": str(home)}
    done = subprocess.run(command, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    kept = cached()
    assert 40 <= len(kept) < 90
    mark = np.zeros(1280, np.float32)
    cached("UPDATE features SET numbers = ?", mark.tobytes())
    data = Images(source)
    rows, seen = features(data)
    assert seen[-1] == (90, 90)
    again = {p.digest for p, row in zip(data.pictures, rows, strict=True) if not row.any()}
    assert again == set(kept)
    assert len(cached()) == 90


def test_pictures_with_damaged_pixels_are_left_out_and_the_others_keep_their_rows(
    digits: Path, tmp_path: Path
) -> None:
    take(digits, tmp_path)
    damaged = sorted((tmp_path / "1").iterdir())[4]
    photo().save(damaged)  # too large to be decoded at the first look
    wanted, _ = features(Images(tmp_path))
    damaged.write_bytes(truncated(damaged))
    for collect in (
        lambda data: features(data)[0][:, 0],
        lambda data: PreparedPictures(PREPARED).collect(data, lambda done, of: None),
    ):
        data = Images(tmp_path)
        rows = collect(data)
        assert len(rows) == 30
        assert data.notes[0].startswith(f"left out 1 of 30 files:\n  1/{damaged.name} is damaged")
        assert sum(len(data.split[side]) for side in ("train", "valid", "test")) == 29
    rows, _ = features(Images(tmp_path))
    others = [number for number in range(30) if number != 14]
    np.testing.assert_array_equal(rows[others], wanted[others])
    assert len(cached()) == 30  # of the damaged one, only what it once was
