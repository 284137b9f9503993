"""Nineteen signs drawn on photos: as much labelled data as anybody wants, for train_signs.py and int8_table.py.

Each picture has one sign, somewhere, turned, coloured and half transparent, among lines and blots, on a piece of one of the
photos of models/photos. The same seed gives the same picture.
"""

import math
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

PHOTOS = Path(__file__).resolve().parent.parent / "models/photos"
NAMES = ["arrow", "bars", "bolt", "circle", "crescent", "cross", "dots", "ell", "frame", "gear", "heart", "hexagon", "pentagon",
         "plus", "ring", "square", "star", "tee", "triangle"]
HEIGHT, WIDTH = 416, 288


def regular(corners, radius=1.0, inner=None):
    points = []
    for i in range(corners * (2 if inner else 1)):
        r = inner if inner and i % 2 else radius
        angle = 2 * math.pi * i / (corners * (2 if inner else 1)) - math.pi / 2
        points.append((r * math.cos(angle), r * math.sin(angle)))
    return points


def box(x0, y0, x1, y1):
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def disc(x=0.0, y=0.0, radius=1.0):
    return [(x + radius * math.cos(t), y + radius * math.sin(t)) for t in np.linspace(0, 2 * math.pi, 48, endpoint=False)]


def heart():
    t = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return list(zip(x / 17, y / 17))


# Each sign: filled outlines and, behind them, outlines that are cut out again.
SIGNS = {
    "arrow": ([[(-1, -0.3), (0.1, -0.3), (0.1, -0.8), (1, 0), (0.1, 0.8), (0.1, 0.3), (-1, 0.3)]], []),
    "bars": ([box(-1, -0.9, 1, -0.5), box(-1, -0.2, 1, 0.2), box(-1, 0.5, 1, 0.9)], []),
    "bolt": ([[(0.2, -1), (-0.6, 0.15), (-0.05, 0.15), (-0.3, 1), (0.6, -0.25), (0.05, -0.25)]], []),
    "circle": ([disc()], []),
    "crescent": ([disc()], [disc(0.45, -0.15, 0.85)]),
    "cross": ([[(-1, -0.7), (-0.7, -1), (1, 0.7), (0.7, 1)], [(1, -0.7), (0.7, -1), (-1, 0.7), (-0.7, 1)]], []),
    "dots": ([disc(x, y, 0.38) for x in (-0.6, 0.6) for y in (-0.6, 0.6)], []),
    "ell": ([box(-0.7, -1, -0.2, 1), box(-0.7, 0.5, 0.8, 1)], []),
    "frame": ([box(-0.9, -0.9, 0.9, 0.9)], [box(-0.5, -0.5, 0.5, 0.5)]),
    "gear": ([regular(10, 1, 0.75)], [disc(0, 0, 0.35)]),
    "heart": ([heart()], []),
    "hexagon": ([regular(6)], []),
    "pentagon": ([regular(5)], []),
    "plus": ([box(-1, -0.25, 1, 0.25), box(-0.25, -1, 0.25, 1)], []),
    "ring": ([disc()], [disc(0, 0, 0.62)]),
    "square": ([box(-0.85, -0.85, 0.85, 0.85)], []),
    "star": ([regular(5, 1, 0.42)], []),
    "tee": ([box(-0.9, -1, 0.9, -0.5), box(-0.25, -1, 0.25, 1)], []),
    "triangle": ([regular(3)], []),
}


@cache
def backgrounds():
    return [Image.open(path).convert("RGB") for path in sorted(PHOTOS.iterdir()) if path.suffix in (".jpg", ".png")]


def background(random, height, width):
    photo = backgrounds()[random.integers(len(backgrounds()))]
    scale = random.uniform(0.3, 1.0)
    w = max(16, int(scale * min(photo.width, photo.height * width / height)))
    h = max(16, int(w * height / width))
    x, y = random.integers(max(1, photo.width - w + 1)), random.integers(max(1, photo.height - h + 1))
    piece = photo.crop((x, y, x + w, y + h)).resize((width, height), Image.Resampling.BILINEAR)
    return piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else piece


def colour(random):
    return tuple(int(level) for level in random.integers(0, 256, 3))


def picture(label: int, seed, height=HEIGHT, width=WIDTH) -> Image.Image:
    """One photo with sign `label` on it."""
    return picture_and_place(label, seed, height, width)[0]


def picture_and_place(label: int, seed, height, width, difficulty=1.0):
    """A picture and its sign's centre: (down, across), each from 0 to 1. `difficulty` 0, for first lessons: large, upright,
    white in the middle of a black ground; what the picture draws at random takes effect as the difficulty rises."""
    random = np.random.default_rng(seed)
    photo = background(random, height, width)

    def eased(easy, drawn):
        return easy + (drawn - easy) * difficulty

    if difficulty < 1:
        photo = Image.blend(Image.new("RGB", photo.size), photo, difficulty)
    draw = ImageDraw.Draw(photo)
    for _ in range(round(difficulty * random.integers(0, 5))):  # clutter
        points = [(random.uniform(0, width), random.uniform(0, height)) for _ in range(2)]
        draw.line(points, fill=colour(random), width=int(random.uniform(1, width / 40)))
    for _ in range(round(difficulty * random.integers(0, 3))):
        x, y, r = random.uniform(0, width), random.uniform(0, height), random.uniform(2, width / 25)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour(random))
    # Around 19 degrees at most: a cross stays no plus.
    size, angle = eased(0.38, random.uniform(0.15, 0.38)) * width, eased(0, math.radians(random.uniform(-18, 18)))
    x, y = eased(width / 2, random.uniform(size, width - size)), eased(height / 2, random.uniform(size, height - size))
    squeeze, shear = eased(1, random.uniform(0.8, 1.25)), eased(0, random.uniform(-0.15, 0.15))

    def placed(outline):
        points = []
        for px, py in outline:
            px, py = px * squeeze + shear * py, py / squeeze
            points.append((x + size * (px * math.cos(angle) - py * math.sin(angle)),
                           y + size * (px * math.sin(angle) + py * math.cos(angle))))
        return points

    mask = Image.new("L", (width, height), 0)
    pen = ImageDraw.Draw(mask)
    filled, cut = SIGNS[NAMES[label]]
    for outline in filled:
        pen.polygon(placed(outline), fill=int(eased(255, random.uniform(170, 256))))
    for outline in cut:
        pen.polygon(placed(outline), fill=0)
    paint = tuple(int(eased(255, level)) for level in colour(random))
    photo.paste(Image.new("RGB", photo.size, paint), mask=mask)
    if random.random() < 0.5 * difficulty:
        photo = photo.filter(ImageFilter.GaussianBlur(random.uniform(0, width / 150)))
    pixels = np.asarray(photo, np.float32)
    pixels = (pixels - 128) * eased(1, random.uniform(0.6, 1.1)) + 128 + eased(0, random.uniform(-25, 25))
    pixels += random.normal(0, difficulty * random.uniform(0, 12), pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), (y / height, x / width)


def write_folder(folder: Path, count: int, first_seed: int) -> None:
    """`count` photos of 624x432 (height x width) as JPEG, a folder for each sign."""
    for index in range(count):
        label = index % len(NAMES)
        path = folder / NAMES[label] / f"{index:05}.jpg"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(label, first_seed + index, HEIGHT * 3 // 2, WIDTH * 3 // 2).save(path, quality=90)
