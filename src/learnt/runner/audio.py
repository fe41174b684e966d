"""Any sound file → 16 kHz, one channel, 16 bits: the same everywhere, in training and in programs.

Limits hold before anything is decoded, and of a long file only the first minute is. WAV, FLAC,
OGG, MP3 and more are read by `soundfile`; without it, WAV files of whole numbers by the standard
library.
"""

import codecs
import io
import math
import os
import stat
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from learnt.errors import MissingDependencyError, SoundError
from learnt.runner.text import shown

Samples = npt.NDArray[np.int16]  # (n,), at 16 kHz
Wave = npt.NDArray[np.float32]  # (n,), from -1 to 1, at any rate
Source = str | os.PathLike[str] | bytes | npt.NDArray[Any]

FULL = 2**15  # a sample that is as loud as can be
RATE = 16_000  # samples a second, of everything that is heard
MAX_BYTES = 32 * 2**20  # of a sound that does not come from a file
MAX_SECONDS = 60  # of a file, from its beginning, that are read
MAX_CHANNELS = 32
RATES = (1_000, 384_000)  # samples a second that a file may have
NAMELESS = "the sound"  # what messages call one that did not come from a file
MAX_UP = 640  # the largest numerator of a ratio of rates
MAX_CHUNKS = 100  # of a WAV, that are looked through for its samples
STREAMED = 2**30  # bytes of samples that only a WAV says it has whose writer did not know
BLOCKED = 65_536  # moments that are decoded at a time: many channels take no more memory
BLOCK = 64  # results at least, that one row of the matrix product gives
CACHED = 8  # ratios of rates whose matrix is kept


@contextmanager
def opened(source: str | os.PathLike[str] | bytes) -> Iterator[BinaryIO]:
    """A sound's file, or its bytes as one; a SoundError says what is wrong with it.

    Of a file only so much is read as is heard, so it may be of any size; bytes are bounded.
    """
    if isinstance(source, bytes):
        if not 0 < len(source) <= MAX_BYTES:
            raise SoundError(
                f"{NAMELESS} has {len(source):,} bytes: it must have from 1 to {MAX_BYTES:,} "
                f"({MAX_BYTES // 2**20} MB), or come from a file"
            )
        yield _Whole(source)
        return
    try:
        facts = os.stat(source)
        if not stat.S_ISREG(facts.st_mode):
            what = "a folder" if stat.S_ISDIR(facts.st_mode) else "not a regular file"
            raise SoundError(f"{shown(source)} is {what}: a sound file is needed")
        if not facts.st_size:
            raise SoundError(f"{shown(source)} is empty (0 bytes): a sound file is needed")
        file = open(source, "rb", buffering=0)  # noqa: SIM115 - its place is the descriptor's
    except FileNotFoundError:
        raise SoundError(f"{shown(source)} does not exist: give a sound file") from None
    except ValueError as error:  # a null byte in the name
        raise SoundError(
            f"{shown(source)} cannot be a file's name ({error}): give another"
        ) from None
    except OSError as error:
        raise SoundError(
            f"{shown(source)} cannot be read ({error.strerror}): check the file and its permissions"
        ) from None
    with file:
        yield file


def decode(source: Source) -> Samples:
    """The first 60 seconds of a sound: 16,000 samples a second, the mean of its channels.

    `source` is a path, the bytes of a file, or an array of samples at 16 kHz: (n,), of floats
    from -1 to 1 or of int16. Raises SoundError for anything that is not a usable sound.
    """
    if isinstance(source, np.ndarray):
        return _rounded(_from_array(source), NAMELESS)
    label = NAMELESS if isinstance(source, bytes) else shown(source)
    with opened(source) as file:
        heard, rate = _decoded(file, label)
    if not len(heard):
        raise SoundError(f"{label} holds no sound (0 samples): replace it, or take it out")
    return _rounded(resample(heard, rate), label)


@dataclass(frozen=True)
class Header:
    """What a file says of its sound."""

    seconds: float  # up to 60
    rate: int
    channels: int


def header(file: BinaryIO, label: str) -> Header:
    """A sound's length and form by its header; SoundError where it cannot be one."""
    library = _soundfile()
    _check_beginning(file, label)
    if library is None:
        heard, rate = _wave(file, label)
        return Header(len(heard) / rate, rate, 1)
    try:
        with library.SoundFile(_place(file), closefd=False) as sound:
            rate, channels = _shape(sound, label)
            return Header(min(float(sound.frames / rate), MAX_SECONDS), rate, channels)
    except Exception as error:
        raise _unreadable(error, label) from None


def ends_early(source: Source) -> bool:
    """Is this a WAV that has less sound in it than its header says?"""
    if isinstance(source, np.ndarray):
        return False
    with opened(source) as file:
        end = file.seek(0, io.SEEK_END)
        at = 12
        for _ in range(MAX_CHUNKS):
            file.seek(at)
            head = file.read(8)
            name, size = head[:4], int.from_bytes(head[4:], "little")
            if name == b"data":
                return size < STREAMED and at + 8 + size > end
            at += 8 + size + size % 2
    return False


def as_wav(samples: Samples) -> bytes:
    """The bytes of a WAV file that decodes to these very samples."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, RATE, len(samples), "NONE", ""))
        out.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def window(samples: Samples, size: int) -> Samples:
    """`size` samples: the loudest stretch of a longer sound; a shorter one between silences."""
    if len(samples) <= size:
        before = (size - len(samples)) // 2
        return np.pad(samples, (before, size - len(samples) - before))
    total = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    step = RATE // 100  # looked for every hundredth of a second
    energy = (total[size:] - total[:-size])[::step]
    at = int(energy.argmax()) * step
    return samples[at : at + size]


def resample(samples: Wave, rate: int) -> Wave:
    """From `rate` to 16,000 samples a second: a low-pass filter, evaluated where it is wanted.

    The filter is a sinc under Kaiser's window, 10 zero crossings a side, as in SciPy's
    `resample_poly`. `down` samples give `up` results, always by the same weights: a row of
    overlapping stretches times one matrix. (Crochiere and Rabiner 1983, chapter 3)
    """
    if rate == RATE:
        return samples
    up, down, before, weights = _filter(rate)
    wanted = math.ceil(len(samples) * RATE / rate)
    blocks = math.ceil(wanted / up)
    length = (blocks - 1) * down + len(weights)
    padded = np.zeros(max(length, before + len(samples)), np.float32)
    padded[before : before + len(samples)] = samples
    views = np.lib.stride_tricks.sliding_window_view(padded, len(weights))
    rows = views[: (blocks - 1) * down + 1 : down]  # (blocks, len(weights))
    return (rows @ weights).reshape(-1)[:wanted]


@lru_cache(CACHED)
def _filter(rate: int) -> tuple[int, int, int, npt.NDArray[np.float32]]:
    """(up, down, samples before a block, weights (samples, up)) for blocks of `up` results."""
    # A ratio of large numbers is met within 3 millionths: no ear could tell.
    down, up = (Fraction(rate, RATE).limit_denominator(MAX_UP)).as_integer_ratio()
    half = 10 * max(up, down)
    steps = np.arange(-half, half + 1)
    taps = np.sinc(steps / max(up, down)) * np.kaiser(2 * half + 1, 5.0)
    taps *= up / taps.sum()
    times = math.ceil(BLOCK / up)
    before = math.ceil(half / up)
    results = np.arange(times * up) * down  # in steps of 1 / (up · rate)
    inputs = (np.arange(2 * before + times * down + 1) - before) * up
    at = results - inputs[:, None] + half
    inside = (at >= 0) & (at <= 2 * half)
    weights = np.where(inside, taps[at.clip(0, 2 * half)], 0.0).astype(np.float32)
    return times * up, times * down, before, weights


class _Whole(io.BytesIO):
    """The bytes of a file; a broken one may lead its reader to before the beginning."""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go there, or stay where there is no such place."""
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


def _soundfile() -> Any:
    """The library, or None where it is not there, or what it needs is not."""
    try:
        import soundfile
    except (ImportError, OSError):
        return None
    return soundfile


def _place(file: BinaryIO) -> Any:
    """Where libsndfile reads: a real file by itself, which is quicker."""
    return file if isinstance(file, _Whole) else file.fileno()


def _decoded(file: BinaryIO, label: str) -> tuple[Wave, int]:
    library = _soundfile()
    _check_beginning(file, label)
    if library is None:
        return _wave(file, label)
    try:
        with library.SoundFile(_place(file), closefd=False) as sound:
            rate, _ = _shape(sound, label)
            frames = min(max(int(sound.frames), 0), MAX_SECONDS * rate)
            blocks = sound.blocks(BLOCKED, frames=frames, dtype="float32", always_2d=True)
            parts = [_mixed(block) for block in blocks]
    except Exception as error:
        raise _unreadable(error, label) from None
    return np.concatenate(parts) if parts else np.empty(0, np.float32), rate


def _check_beginning(file: BinaryIO, label: str) -> None:
    """UTF-16 begins as an MP3 could, and its reader would write to standard error by itself."""
    begins = file.read(2)
    file.seek(0)
    if begins == codecs.BOM_UTF16_LE:
        raise SoundError(f"{label} is no sound but text")


def _wave(file: BinaryIO, label: str) -> tuple[Wave, int]:
    """A WAV of 8, 16, 24 or 32 bits a sample, by the standard library."""
    try:
        with wave.open(file) as sound:
            rate, channels, width = sound.getframerate(), sound.getnchannels(), sound.getsampwidth()
            _check_shape(rate, channels, label)
            if width > 4:
                raise SoundError(f"{label} has {8 * width} bits a sample; at most 32 are read")
            raw = np.frombuffer(sound.readframes(MAX_SECONDS * rate), np.uint8)
    except (wave.Error, EOFError):  # no WAV, not of whole numbers, or damaged
        raise MissingDependencyError("soundfile") from None
    frames = raw[: len(raw) - len(raw) % (width * channels)].reshape(-1, width)
    if width == 1:  # 8 bits have no sign
        samples: Wave = (frames[:, 0].astype(np.float32) - np.float32(128)) / np.float32(128)
    else:  # little end first: into the high bytes of 32 bits
        wide = np.zeros((len(frames), 4), np.uint8)
        wide[:, 4 - width :] = frames
        samples = wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    return _mixed(samples.reshape(-1, channels)), rate


def _mixed(moments: npt.NDArray[np.float32]) -> Wave:
    """The mean of the channels, (n, channels) → (n,)."""
    channels = moments.shape[1]
    return moments @ np.full(channels, 1 / channels, np.float32)


def _shape(sound: Any, label: str) -> tuple[int, int]:
    """The rate and the channels of an open sound, checked."""
    rate, channels = int(sound.samplerate), int(sound.channels)
    _check_shape(rate, channels, label)
    return rate, channels


def _check_shape(rate: int, channels: int, label: str) -> None:
    low, high = RATES
    if not low <= rate <= high:
        raise SoundError(
            f"{label} has {rate:,} samples a second; it must be from {low:,} to {high:,}"
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise SoundError(f"{label} has {channels} channels; at most {MAX_CHANNELS} are read")


def _unreadable(error: Exception, label: str) -> SoundError:
    """libsndfile's readers raise whatever a broken file provokes."""
    if isinstance(error, SoundError):
        return error
    reason = str(getattr(error, "error_string", error)).rstrip(".") or type(error).__name__
    return SoundError(
        f"{label} is not a sound that can be read ({reason}): save it as WAV, FLAC or OGG, or "
        "take it out"
    )


def _from_array(samples: npt.NDArray[Any]) -> Wave:
    if samples.ndim != 1 or not samples.size or samples.dtype.kind not in "fi":
        raise SoundError(
            "an array of samples must be floats from -1 to 1, or int16, at 16 kHz, of shape (n,); "
            f"got {samples.dtype} of shape {samples.shape}"
        )
    samples = samples[: MAX_SECONDS * RATE]
    scale = 1 if samples.dtype.kind == "f" else FULL
    return samples.astype(np.float32) / np.float32(scale)


def _rounded(wave: Wave, label: str) -> Samples:
    if not np.isfinite(wave).all():
        raise SoundError(f"{label} holds samples that are no numbers: replace it, or take it out")
    samples: Samples = np.rint(wave.clip(-1, 1) * FULL).clip(-FULL, FULL - 1).astype(np.int16)
    if not samples.any():
        raise SoundError(f"{label} is silent: there is nothing to hear")
    return samples
