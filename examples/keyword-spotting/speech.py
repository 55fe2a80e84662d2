"""Words as Debian's espeak-ng speaks them, by many voices, at many speeds and pitches, in noise.

A voice is an accent and a timbre.  Those that the test samples are spoken by share neither with those of training.
"""

import shutil
import subprocess

import numpy as np

PACKAGE = "espeak-ng"
RATE = 16_000
"""Samples a second; every recording lasts one second."""

KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
OTHERS = ("bed", "bird", "cat", "dog", "happy", "house", "marvin", "sheila", "three", "tree", "wow", "eight")
CLASSES = (*KEYWORDS, "another word", "no word")

ACCENTS = {
    "training": ("en-us", "en-gb", "en-gb-scotland", "en-029"),
    "test": ("en-gb-x-rp", "en-us-nyc", "en-gb-x-gbcwmd"),
}
TIMBRES = {
    "training": (
        *("m1", "m2", "m3", "m4", "m5", "f1", "f2", "f3", "adam", "Andrea", "Annie", "belinda"),
        *("david", "john", "linda", "max", "paul", "steph", "quincy", "Denis"),
    ),
    "test": ("m7", "f4", "f5", "ed", "edward", "benjamin", "Alicia", "Mike", "Michael", "robert"),
}


def recordings(part, voices, takes, seed):
    """Recordings of `part` ("training" or "test"), one after the other: float32 (RATE,), and the class of each.

    Each of the first `voices` voices says every keyword, and two other words; each is recorded `takes` times, somewhere
    in a second of noise.  As many recordings as there are of a keyword hold noise alone.  For training, every take is
    that of a larger or a smaller head: all its frequencies are higher or lower.
    """
    random = np.random.default_rng(seed)
    speakers = [(accent, timbre) for timbre in TIMBRES[part] for accent in ACCENTS[part]][:voices]
    for accent, timbre in speakers:
        said = [(word, number) for number, word in enumerate(KEYWORDS)]
        said += [(str(word), len(KEYWORDS)) for word in random.choice(OTHERS, 2, replace=False)]
        for word, number in said:
            spoken = speak(word, f"{accent}+{timbre}", int(random.integers(120, 200)), int(random.integers(25, 75)))
            for _ in range(takes):
                head = random.uniform(0.8, 1.25) if part == "training" else 1.0
                yield recorded(stretched(spoken, head), random), number
        for _ in range(takes):
            yield recorded(None, random), len(KEYWORDS) + 1


def speak(word, voice, speed, pitch):
    """`word` as float32 from -1 to 1, at RATE; at most a second, without silence around it."""
    if shutil.which("espeak-ng") is None:
        raise FileNotFoundError(f"espeak-ng is not installed: apt-get install {PACKAGE}")
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", word]
    wave = subprocess.run(command, capture_output=True, check=True).stdout
    # a stream has no length in its header: 44 bytes, then 16-bit samples, 22,050 a second
    sound = np.frombuffer(wave[44 : len(wave) // 2 * 2], "<i2").astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    sound = sound[loud[0] : loud[-1] + 1]
    return stretched(sound, RATE / 22_050)


def stretched(sound, factor):
    """`sound` with its samples `factor` times as far apart, a second of it at most."""
    count = min(RATE, int(len(sound) * factor))
    return np.interp(np.arange(count) / factor, np.arange(len(sound)), sound).astype(np.float32)


def recorded(spoken, random):
    """A second of noise with the word somewhere in it, 6 to 30 decibels above the noise."""
    white = random.normal(size=RATE + 63)
    length = int(random.choice((1, 8, 64)))  # of the moving average that makes the noise duller
    noise = np.convolve(white, np.ones(length) / length, "same")[:RATE]
    noise /= np.sqrt(np.mean(noise**2))
    level = 10 ** random.uniform(-3.0, -1.5)
    sound = level * noise
    if spoken is not None:
        strength = level * 10 ** (random.uniform(6, 30) / 20) / np.sqrt(np.mean(spoken**2))
        begin = int(random.integers(0, RATE - len(spoken) + 1))
        sound[begin : begin + len(spoken)] += strength * spoken
    return np.clip(sound, -1, 1).astype(np.float32)
