"""Any sound file → samples at 16 kHz: against soundfile, SciPy, and files that are broken."""

import io
import sys
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from learnt.errors import MissingDependencyError, SoundError
from learnt.runner import audio
from learnt.runner.audio import RATE, Header, as_wav, decode, header, opened, resample, window

RANDOM = np.random.default_rng(0)
NOISE = (RANDOM.standard_normal(4000) * 0.1).astype(np.float32)


def written(samples: np.ndarray, rate: int = RATE, kind: str = "WAV", subtype: str = "") -> bytes:
    """The bytes of a sound file, by soundfile."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype or None)
    return file.getvalue()


def looked(data: bytes) -> Header:
    """What the header says."""
    with opened(data) as file:
        return header(file, "it")


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 32000, 44100, 48000, 96000, 192000])
def test_resampling_is_scipys(rate: int) -> None:
    samples = RANDOM.standard_normal(rate // 3 + 5).astype(np.float32)
    ratio = Fraction(RATE, rate)
    wanted = resample_poly(samples, ratio.numerator, ratio.denominator)
    np.testing.assert_allclose(resample(samples, rate), wanted, atol=2e-6)


@pytest.mark.parametrize("rate", [15999, 44056, 1000, 384000])
def test_at_any_rate_a_tone_keeps_its_pitch_and_its_length(rate: int) -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(rate) / rate).astype(np.float32)
    found = resample(tone, rate)
    assert abs(len(found) - RATE) <= 1
    assert np.abs(np.fft.rfft(found[:RATE])).argmax() == 200


@pytest.mark.parametrize(
    ("kind", "subtype", "away"),
    [
        ("WAV", "PCM_U8", 1 / 128), ("WAV", "PCM_16", 4e-5), ("WAV", "PCM_24", 2e-5),
        ("WAV", "PCM_32", 2e-5), ("WAV", "FLOAT", 2e-5), ("WAV", "DOUBLE", 2e-5),
        ("FLAC", "PCM_16", 4e-5), ("FLAC", "PCM_24", 2e-5),
    ],
)  # fmt: skip
def test_files_of_every_depth_decode_to_the_same_samples(
    kind: str, subtype: str, away: float
) -> None:
    found = decode(written(NOISE, kind=kind, subtype=subtype))
    assert found.dtype == np.int16
    np.testing.assert_allclose(found / 2**15, NOISE, atol=away)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_without_soundfile_wav_files_decode_to_the_same(
    subtype: str, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = written(np.stack([NOISE * (c + 1) / 5 for c in range(channels)], 1), subtype=subtype)
    wanted, length = decode(data), looked(data).seconds
    monkeypatch.setitem(sys.modules, "soundfile", None)
    np.testing.assert_array_equal(decode(data), wanted)
    assert looked(data).seconds == length
    for other in (written(NOISE, kind="FLAC"), written(NOISE, subtype="FLOAT")):
        with pytest.raises(MissingDependencyError, match="pip install soundfile"):
            decode(other)


def test_channels_are_averaged_and_other_rates_resampled() -> None:
    stereo = np.stack([NOISE, np.zeros_like(NOISE)], 1)
    found = decode(written(stereo, 32000, subtype="FLOAT"))
    np.testing.assert_allclose(found / 2**15, resample_poly(NOISE / 2, 1, 2), atol=2e-5)


def test_samples_survive_a_wav_file_unchanged() -> None:
    samples = decode(written(NOISE))
    np.testing.assert_array_equal(decode(as_wav(samples)), samples)
    np.testing.assert_array_equal(decode(samples), samples)


def test_of_a_very_long_sound_the_first_minute_is_read() -> None:
    data = written(np.tile(NOISE[:2000], 100), 2000, subtype="PCM_16")
    assert len(decode(data)) == 60 * RATE
    assert looked(data).seconds == 60


def test_many_channels_are_decoded_a_little_at_a_time() -> None:
    quiet = np.zeros((200_000, 8), np.float32)
    quiet[-1] = 0.5
    found = decode(written(quiet, 192_000, "FLAC"))
    assert len(found) == -(-200_000 // 12)
    assert np.abs(found[:-100]).max() == 0 < np.abs(found).max()


def test_the_window_is_the_loudest_stretch_or_the_whole_between_silences() -> None:
    samples = np.ones(10 * RATE, np.int16)
    samples[5 * RATE : 6 * RATE] = 1000
    np.testing.assert_array_equal(window(samples, RATE), samples[5 * RATE : 6 * RATE])
    short = window(samples[:100], 301)
    assert short.tolist() == [0] * 100 + [1] * 100 + [0] * 101
    assert window(short, 301) is not None
    np.testing.assert_array_equal(window(short, 301), short)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "has 0 bytes: it must have from 1"),
        (b"no sound at all" * 100, "not a sound that can be read .*save it as WAV, FLAC or OGG"),
        (written(NOISE)[:20], "not a sound that can be read"),
        (written(NOISE[:0]), "holds no sound"),
        (written(NOISE * 0), "is silent"),
        (written(np.where(NOISE > 0, np.nan, NOISE), subtype="FLOAT"), "no numbers"),
        (written(NOISE, 500), "has 500 samples a second; it must be from 1,000"),
        (written(np.zeros((10, 40), np.float32)), "has 40 channels; at most 32"),
    ],
)
def test_what_is_no_usable_sound_is_an_error_that_says_why(data: bytes, words: str) -> None:
    with pytest.raises(SoundError, match=words):
        decode(data)


def test_of_a_truncated_file_what_is_there_is_heard() -> None:
    whole = written(np.tile(NOISE, 10))
    assert 19_000 < len(decode(whole[: len(whole) // 2])) < 20_001
    ogg = written(np.tile(NOISE, 100), kind="OGG")
    assert 0 < len(decode(ogg[: len(ogg) // 2])) < 300_000


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF"])
def test_a_broken_file_is_heard_in_part_or_is_an_error_and_nothing_else(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = written(np.stack([NOISE, NOISE], 1), 48_000, kind)
    random = np.random.default_rng(0)
    for number in range(40):
        data = bytearray(whole[: random.integers(1, len(whole))] if number % 2 else whole)
        for place in random.integers(0, min(len(data), 300), 4):
            data[place] = random.integers(256)
        try:
            assert len(decode(bytes(data))) <= 60 * RATE
        except SoundError as error:
            assert str(error)  # noqa: PT017 - either is fine
    assert "Traceback" not in capfd.readouterr().err  # the decoder of MP3 itself complains there


def test_bytes_are_bounded_and_files_only_read_as_far_as_they_are_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio, "MAX_BYTES", 1000)
    with pytest.raises(SoundError, match="has 8,044 bytes: it must have from 1 to 1,000"):
        decode(written(NOISE))
    (tmp_path / "large.wav").write_bytes(written(NOISE))
    assert len(decode(tmp_path / "large.wav")) == len(NOISE)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(SoundError, match=r"empty.wav is empty"):
        decode(tmp_path / "empty.wav")
    for path, words in ((tmp_path, "is a folder"), (tmp_path / "no.wav", "does not exist")):
        with pytest.raises(SoundError, match=words):
            decode(path)


def test_a_wav_file_that_lies_about_its_length_is_read_as_far_as_it_goes() -> None:
    data = bytearray(written(NOISE))
    data[40:44] = (2**31).to_bytes(4, "little")  # the size of its data
    assert len(decode(bytes(data))) == len(NOISE)
    with wave.open(io.BytesIO(written(NOISE))) as file:
        assert file.getnframes() == len(NOISE)


@pytest.mark.parametrize(
    "samples", [np.zeros((2, 5), np.float32), np.array(["a"]), np.array([], np.float32)]
)
def test_an_array_must_be_samples(samples: np.ndarray) -> None:
    with pytest.raises(SoundError, match="an array of samples must be"):
        decode(samples)


@pytest.mark.parametrize("library", [soundfile, None])
def test_more_bits_than_any_reader_knows_are_an_error(
    library: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", library)
    for width in (5, 8):
        data = bytearray(as_wav(decode(written(NOISE))))
        data[32:36] = bytes([width, 0, 8 * width, 0])  # bytes of a moment, bits of a sample
        with pytest.raises(SoundError):
            decode(bytes(data))
