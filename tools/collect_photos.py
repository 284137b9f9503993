#!/usr/bin/env python3
"""Copy the demo's photos out of the Python packages that ship them, with models/photos/LICENCES.md.

    tools/collect_photos.py [OUTDIR]

Needs scikit-image, scikit-learn and matplotlib (tools/requirements-export.txt); downloads nothing. The formats differ
on purpose (baseline and progressive JPEG, with full and with halved chroma, grey JPEG; RGB, RGBA and grey PNG), so that
the demo exercises the decoders.
"""

import importlib.util
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
MAX_SIDE = 640
JPEG = (".jpg", {"quality": 88})
PROGRESSIVE = (".jpg", {"quality": 85, "progressive": True})
FULL_CHROMA = (".jpg", {"quality": 85, "subsampling": "4:4:4"})
PNG = (".png", {"optimize": True})
CC0, CC_BY, PUBLIC, FREE = "CC0 1.0", "CC BY 2.0", "public domain", "no known copyright restrictions"
SKIMAGE, SKLEARN, MATPLOTLIB = "skimage/data", "sklearn/datasets/images", "matplotlib/mpl-data/sample_data"

# label: (package folder, file, how it is stored, licence, who made it and where it comes from)
PHOTOS = {
    "aneurysms": (
        SKIMAGE,
        "microaneurysms.png",
        PNG,
        CC0,
        "detail of a retina, High-Resolution Fundus Image Database, Andreas Maier",
    ),
    "astronaut": (SKIMAGE, "astronaut.png", JPEG, PUBLIC, "Eileen Collins; NASA, https://flic.kr/p/r9qvLn"),
    "brick": (SKIMAGE, "brick.png", JPEG, CC0, "brick wall; CC0Textures, Bricks25"),
    "camera": (SKIMAGE, "camera.png", PNG, CC0, "man with a camera; Lav Varshney"),
    "cat": (SKIMAGE, "chelsea.png", PNG, CC0, "Chelsea the cat; Stefan van der Walt"),
    "cell": (SKIMAGE, "cell.png", PNG, CC0, "cell in saline, quantitative phase image; Paul Müller and others"),
    "clock": (SKIMAGE, "clock_motion.png", PNG, PUBLIC, "wall clock, blurred by motion; Stefan van der Walt"),
    "coffee": (SKIMAGE, "coffee.png", JPEG, CC0, "a cup at Pikolo Espresso Bar; Rachel Michetti"),
    "coins": (
        SKIMAGE,
        "coins.png",
        JPEG,
        FREE,
        "Greek coins from Pompeii; Brooklyn Museum Collection",
    ),
    "flower": (
        SKLEARN,
        "flower.jpg",
        FULL_CHROMA,
        CC_BY,
        'a dahlia; shipped with the attribution "Some rights reserved by '
        'danielbuechele", https://www.flickr.com/photos/vultilion/6056698931; re-encoded',
    ),
    "grass": (SKIMAGE, "grass.png", JPEG, CC0, "grass; linolafett, DeviantArt, Grass-01"),
    "gravel": (SKIMAGE, "gravel.png", JPEG, CC0, "gravel; CC0Textures, Gravel04"),
    "hopper": (MATPLOTLIB, "grace_hopper.jpg", JPEG, PUBLIC, "Grace Murray Hopper; United States Navy"),
    "horse": (SKIMAGE, "horse.png", PNG, CC0, "silhouette of a horse; Andreas Preuss (marauder), openclipart 158377"),
    "hubble": (
        SKIMAGE,
        "hubble_deep_field.jpg",
        PROGRESSIVE,
        PUBLIC,
        "Hubble eXtreme Deep Field; NASA, HubbleSite 2012-37",
    ),
    "pagoda": (
        SKLEARN,
        "china.jpg",
        PROGRESSIVE,
        CC_BY,
        "Summer Palace, Beijing; danielbuechele, https://www.flickr.com/photos/danielbuechele/6061409035; re-encoded",
    ),
    "retina": (SKIMAGE, "retina.jpg", JPEG, CC0, "human retina; Mikael Häggström, Wikimedia Commons"),
    "rocket": (SKIMAGE, "rocket.jpg", JPEG, PUBLIC, "launch of DSCOVR on a Falcon 9; SpaceX"),
    "text": (SKIMAGE, "text.png", PNG, PUBLIC, "handwriting; Wikipedia, File:Corner.png"),
    "tissue": (
        SKIMAGE,
        "ihc.png",
        JPEG,
        FREE,
        "colonic glands, stained; Center for Microscopy and Molecular Imaging",
    ),
}

HEADER = """# The demo's photos

Sample photos that scikit-image, scikit-learn and matplotlib ship, as `tools/collect_photos.py` stores them: at most
{side} pixels a side, some re-encoded. Sources and licences are as those packages state them.

| file | what, by whom, from where | licence | shipped in |
| --- | --- | --- | --- |
"""


def source_of(folder: str, name: str) -> Path:
    package, _, inside = folder.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None:
        sys.exit(f"{Path(__file__).name}: {package} is not installed; pip install -r tools/requirements-export.txt")
    return Path(spec.submodule_search_locations[0]) / inside / name


def main():
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "models" / "photos"
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for label, (folder, name, (suffix, options), licence, credit) in PHOTOS.items():
        image = Image.open(source_of(folder, name))
        if suffix == ".jpg" and image.mode not in ("L", "RGB"):
            image = image.convert("RGB")
        if max(image.size) > MAX_SIDE:
            image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
        path = out / f"{label}{suffix}"
        image.save(path, **options)
        rows.append(f"| {path.name} | {credit} | {licence} | {folder}/{name} |\n")
        print(f"{path} {image.mode} {image.size[0]}x{image.size[1]} {path.stat().st_size / 1e3:.0f} kB")
    licences = "\n[CC0 1.0](https://creativecommons.org/publicdomain/zero/1.0/), [CC BY 2.0](https://creativecommons.org/licenses/by/2.0/)\n"
    (out / "LICENCES.md").write_text(HEADER.format(side=MAX_SIDE) + "".join(rows) + licences, encoding="utf-8")


if __name__ == "__main__":
    main()
