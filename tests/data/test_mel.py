"""The picture of a sound, against torch.stft and librosa's bands."""

import numpy as np
import torch as reference  # noqa: TID251 - the reference

from learnt.data.mel import MelPicture, fourier, mel_bands
from learnt.data.prepare import session_of

PICTURE = MelPicture(frames=40)
LIBROSA = {  # librosa 0.11: filters.mel(sr=16000, n_fft=400, n_mels=64)
    (0, 1): 0.01857444, (10, 13): 0.01712072, (20, 24): 0.01466534, (40, 63): 0.00707326,
    (50, 102): 0.00473792, (63, 191): 0.00263753,
}  # fmt: skip


def drawn(samples: np.ndarray) -> np.ndarray:
    """(N, size) int16 → (N, bands, frames), by ONNX Runtime."""
    session = session_of(
        PICTURE.write,
        ("samples", np.dtype(np.int16), ["batch", PICTURE.size]),
        (np.dtype(np.float32), ["batch", PICTURE.bands, PICTURE.frames]),
    )
    found: np.ndarray = session.run(None, {"samples": samples})[0]
    return found


def sounds() -> np.ndarray:
    """Noise, a rising tone and a click, (3, size)."""
    random, at = np.random.default_rng(0), np.arange(PICTURE.size) / 16_000
    noise = random.standard_normal(PICTURE.size) * 0.1
    tone = 0.5 * np.sin(2 * np.pi * (200 + 3000 * at) * at)
    click = np.zeros(PICTURE.size)
    click[4000:4010] = 0.9
    return np.rint(np.stack([noise, tone, click]) * 2**15).astype(np.int16)


def test_the_picture_is_what_torchs_fourier_transform_gives() -> None:
    samples = sounds()
    padded = np.pad(samples / 2**15, ((0, 0), (100, 100)))
    spectrum = reference.stft(
        reference.tensor(padded), 400, hop_length=200, center=False, return_complex=True,
        window=reference.hann_window(400, dtype=reference.double),
    )  # fmt: skip
    power = (spectrum.abs() ** 2).numpy()
    bands = np.einsum("bf,nft->nbt", mel_bands(64, 201).astype(np.float64), power)
    tens = np.log10(np.maximum(bands, 1e-10))
    heard = np.maximum(tens, tens.max((1, 2), keepdims=True) - 8)
    wanted = heard - heard.mean(2, keepdims=True)
    np.testing.assert_allclose(drawn(samples), wanted, atol=2e-3)


def test_the_bands_are_librosas() -> None:
    bands = mel_bands(64, 201)
    for (band, bin_), value in LIBROSA.items():
        np.testing.assert_allclose(bands[band, bin_], value, rtol=1e-5)
    np.testing.assert_allclose(bands.sum(), 1.5986984, rtol=1e-5)


def test_a_louder_or_dully_recorded_sound_gives_the_same_picture() -> None:
    (noise, *_) = sounds()
    louder = drawn(np.stack([noise, noise * 2]))
    np.testing.assert_allclose(louder[0], louder[1], atol=1e-3)


def test_the_transform_is_numpys() -> None:
    frame = np.random.default_rng(1).standard_normal(400)
    wanted = np.fft.rfft(frame * np.hanning(401)[:-1])
    found = fourier(400)[:, 0] @ frame
    np.testing.assert_allclose(found, np.concatenate([wanted.real, wanted.imag]), atol=1e-4)
