"""A sound as a picture: how loud each pitch is at each moment, as part of the ONNX graph.

Samples → frames times sines and cosines (the discrete Fourier transform, as a convolution) →
power → bands that are equally wide to the ear → decibels below the loudest. Each band's mean
is then taken away, so that microphones and rooms are forgotten, and what is said stays.
(Davis and Mermelstein 1980; the scale of bands: Slaney 1998, as librosa's)
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from learnt.engine.onnx import Graph
from learnt.runner.audio import FULL, RATE

Array = npt.NDArray[np.float32]
FLOAT = 1  # ONNX's number for float32
FLOOR = 1e-10  # of a band's power, before its logarithm
RANGE = 8.0  # powers of ten below the loudest, that can be heard: 80 dB


@dataclass(frozen=True)
class MelPicture:
    """(N, size) samples of int16 → (N, bands, frames): powers of ten, mean 0 in each band."""

    frames: int
    bands: int = 64
    hop: int = 200  # samples from one frame to the next: 12.5 ms
    width: int = 400  # samples of a frame: 25 ms

    @property
    def size(self) -> int:
        """How many samples a picture is of."""
        return self.frames * self.hop

    def write(self, graph: Graph, name: str) -> str:
        """Append the picture of the value `name` to a graph; returns the result's name."""
        bins, pad = self.width // 2 + 1, (self.width - self.hop) // 2
        whole = graph.add("Cast", name, to=FLOAT)
        wave = graph.add("Mul", whole, graph.constant(1 / FULL, "float32"))  # from -1 to 1
        rows = graph.add("Unsqueeze", wave, graph.constant([1], "int64"))  # (N, 1, size)
        waves = graph.add(
            "Conv",
            rows,
            graph.constant(fourier(self.width)),
            strides=[self.hop],
            pads=[pad, self.width - self.hop - pad],
        )  # (N, 2·bins, frames)
        squares = graph.add("Mul", waves, waves)
        # Real and imaginary parts of a bin weigh the same: one matrix adds them and the bands.
        bands = np.tile(mel_bands(self.bands, bins), 2)  # (bands, 2·bins)
        power = graph.add("MatMul", graph.constant(bands), squares)  # (N, bands, frames)
        loud = graph.add("Log", graph.add("Max", power, graph.constant(FLOOR, "float32")))
        tens = graph.add("Mul", loud, graph.constant(1 / np.log(10), "float32"))
        most = graph.add("ReduceMax", tens, graph.constant([1, 2], "int64"), keepdims=1)
        heard = graph.add("Max", tens, graph.add("Sub", most, graph.constant(RANGE, "float32")))
        mean = graph.add("ReduceMean", heard, graph.constant([2], "int64"), keepdims=1)
        return graph.add("Sub", heard, mean)


def fourier(width: int) -> Array:
    """(2·(width/2 + 1), 1, width): Hann's window times the cosine and sine of each bin."""
    at = np.arange(width)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * at / width)
    angles = 2 * np.pi * np.outer(np.arange(width // 2 + 1), at) / width
    return (np.concatenate([np.cos(angles), -np.sin(angles)]) * hann)[:, None].astype(np.float32)


def mel_bands(bands: int, bins: int) -> Array:
    """(bands, bins): triangles of equal width on the mel scale, of area 1 in hertz."""
    hertz = np.linspace(0, RATE / 2, bins)
    corners = _hertz(np.linspace(0, _mel(RATE / 2), bands + 2))
    low, middle, high = (corners[i : i + bands, None] for i in range(3))
    rising, falling = (hertz - low) / (middle - low), (high - hertz) / (high - middle)
    triangles = np.minimum(rising, falling).clip(0) * 2 / (high - low)
    return triangles.astype(np.float32)


def _mel(hertz: float) -> float:
    """Slaney's scale: a step of 200/3 Hz up to 1 kHz, of a 27th of ln 6.4 above."""
    return 3 * hertz / 200 if hertz < 1000 else 15 + 27 * float(np.log(hertz / 1000) / np.log(6.4))


def _hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp(np.log(6.4) * (mel - 15) / 27))
