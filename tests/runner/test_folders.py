"""The cache and the runs are where the user says, or else where the system keeps such things."""

from pathlib import Path

import platformdirs
import pytest

from learnt.errors import OutputError
from learnt.runner.folders import home


@pytest.mark.parametrize("chosen", ["", "/somewhere/else"])
def test_without_a_folder_of_the_users_choice_it_is_the_systems(monkeypatch, chosen):
    monkeypatch.delenv("LEARNT_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", chosen)
    assert home("cache") == Path(platformdirs.user_cache_dir("learnt", appauthor=False))
    assert home("data") == Path(platformdirs.user_data_dir("learnt", appauthor=False))


def test_learnt_home_puts_both_below_one_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("LEARNT_HOME", str(tmp_path))
    assert home("cache") == tmp_path / "cache"
    assert home("data") == tmp_path / "data"


def test_without_any_home_it_says_how_to_name_one(monkeypatch):
    monkeypatch.delenv("LEARNT_HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: Path("~no such user").expanduser())
    with pytest.raises(OutputError, match="set LEARNT_HOME"):
        home("cache")
