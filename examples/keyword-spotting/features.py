"""Mel-frequency cepstral coefficients in numpy: 49 moments of a second, 10 numbers each, as MLPerf Tiny has them.

Each moment is 40 ms long and begins 20 ms after the one before.
"""

import numpy as np
from speech import RATE

FRAME, STEP, POINTS = RATE // 25, RATE // 50, 1024
BANDS, COEFFICIENTS = 40, 10
LOWEST, HIGHEST = 20.0, 7600.0
SHAPE = ((RATE - FRAME) // STEP + 1, COEFFICIENTS, 1)


def of(recordings):
    """Recordings and their classes, as speech.py makes them, to float32 (count, 49, 10, 1) and int64 (count,)."""
    bands, waves = mel_bands(), cosines()
    window = np.hanning(FRAME)
    places = STEP * np.arange(SHAPE[0])[:, None] + np.arange(FRAME)
    found, classes = [], []
    for sound, number in recordings:
        energy = np.abs(np.fft.rfft(sound[places] * window, POINTS)) ** 2 @ bands
        found.append(np.log(energy + 1e-6) @ waves)
        classes.append(number)
    return (np.stack(found)[..., None] / 10).astype(np.float32), np.array(classes, np.int64)


def mel_bands():
    """How much of each frequency is in each of BANDS triangles, evenly spaced in mel: (POINTS / 2 + 1, BANDS)."""
    lowest, highest = (2595 * np.log10(1 + frequency / 700) for frequency in (LOWEST, HIGHEST))
    edges = 700 * (10 ** (np.linspace(lowest, highest, BANDS + 2) / 2595) - 1)
    frequencies = np.arange(POINTS // 2 + 1) * RATE / POINTS
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (frequencies[:, None] - left) / (middle - left)
    falling = (right - frequencies[:, None]) / (right - middle)
    return np.clip(np.minimum(rising, falling), 0, None)


def cosines():
    """The first coefficients of the orthonormal discrete cosine transform: (BANDS, COEFFICIENTS)."""
    places = (np.arange(BANDS)[:, None] + 0.5) * np.arange(COEFFICIENTS) * np.pi / BANDS
    found = np.sqrt(2 / BANDS) * np.cos(places)
    found[:, 0] /= np.sqrt(2)
    return found
