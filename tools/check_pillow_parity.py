#!/usr/bin/env python3
"""Compare fovea's decoding, resizing and evaluation transform with Pillow's, over random photos: 0 values may differ.

    pip install numpy pillow
    ninja -C build fovea_parity
    tools/check_pillow_parity.py build/src/fovea_parity [--cases 5000] [--seed 0] [--save DIR]

Each case is a random picture (noise, gradients, shapes) of random size in a random file format and variant, and something
to do with it: decode, resize, timm's transform or transformers' one, the transforms also on up to four threads, which must
give the same bits. The Python side is written with Pillow and NumPy alone. --save keeps the files of the cases that differ.
"""
import argparse
import collections
import io
import math
import random
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps

FILTERS = {
    "nearest": Image.Resampling.NEAREST, "box": Image.Resampling.BOX, "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING, "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS,
}
ImageFile.MAXBLOCK = 1 << 24  # the buffer for small progressive JPEGs of high quality is too small otherwise


class Fovea:
    """The driver program, one process for all cases."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, data, **words):
        """Returns an array (height, width, bytes), or the text of the error."""
        line = " ".join(f"{key}={value}" for key, value in words.items())
        self.process.stdin.write(f"{line} bytes={len(data)}\n".encode() + data)
        self.process.stdin.flush()
        answer = self.process.stdout.readline().decode()
        if not answer.startswith("ok "):
            return answer.strip() or "the driver died"
        height, width, count = map(int, answer.split()[1:])
        return height, width, self.process.stdout.read(count)


# ---- pictures and files ---------------------------------------------------------------------------------------------


def picture(rng, height, width, channels):
    """Pixels u8 (height, width, channels): smooth, noisy or with hard edges."""
    numbers = np.random.default_rng(rng.getrandbits(32))
    kind = rng.choice(["noise", "smooth", "edges", "flat", "extremes"])
    if kind == "noise":
        return numbers.integers(0, 256, (height, width, channels), dtype=np.uint8)
    if kind == "flat":
        return np.broadcast_to(numbers.integers(0, 256, channels, dtype=np.uint8), (height, width, channels)).copy()
    if kind == "extremes":
        return numbers.choice(np.array([0, 255], np.uint8), (height, width, channels))
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for _ in range(channels):
        wave = np.sin(x * rng.uniform(0, 0.3) + rng.uniform(0, 6)) * np.cos(y * rng.uniform(0, 0.3) + rng.uniform(0, 6))
        if kind == "edges":
            wave = np.sign(wave) * rng.random()
        planes.append(np.clip(127.5 + 127.5 * wave + numbers.normal(0, 4, wave.shape), 0, 255))
    return np.stack(planes, -1).astype(np.uint8)


def random_size(rng):
    """(height, width); mostly photos' shapes, sometimes lines and dots."""
    if rng.random() < 0.08:
        return rng.choice([(1, 1), (1, rng.randint(2, 900)), (rng.randint(2, 900), 1), (2, 3), (3, 2), (8, 8), (17, 16)])
    return rng.randint(1, 400), rng.randint(1, 400)


def saved(image, **options):
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


EXIF_TAG = 0x0112


def exif_block(orientation):
    exif = Image.Exif()
    exif[EXIF_TAG] = orientation
    return exif.tobytes()


def jpeg_file(rng, size, orientation):
    mode = rng.choice(["RGB"] * 6 + ["L", "L", "CMYK", "YCCK"])
    pixels = picture(rng, *size, {"L": 1, "RGB": 3}.get(mode, 4))
    image = Image.fromarray(pixels[..., 0] if mode == "L" else pixels, "CMYK" if mode in ("CMYK", "YCCK") else mode)
    options = {"quality": rng.choice([1, 20, 50, 75, 90, 95, 100]), "progressive": rng.random() < 0.35,
               "optimize": rng.random() < 0.2}
    if mode == "RGB":
        options["subsampling"] = rng.choice(["4:4:4", "4:2:2", "4:2:0", "4:1:1", "4:2:0"])
        if rng.random() < 0.1 and options["subsampling"] == "4:4:4":
            options["keep_rgb"] = True
    if rng.random() < 0.2:
        options["restart_marker_blocks"] = rng.randint(1, 20)
    if orientation:
        options["exif"] = exif_block(orientation)
    data = saved(image, format="JPEG", **options)
    kind = f"jpeg {mode}"
    if mode == "RGB" and rng.random() < 0.25:
        data, kind = relabel_sampling(rng, data, kind)
    if mode == "YCCK":
        at = data.find(b"Adobe\0")
        if at > 0:  # the transform byte says how four channels are to be read: 2 is YCCK
            data = data[: at + 11] + bytes([2]) + data[at + 12:]
        else:
            data = data[:2] + b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x02" + data[2:]
    elif mode == "CMYK" and rng.random() < 0.3:
        at = data.find(b"\xff\xee")
        if at > 0:
            data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2: at + 4], "big"):]
            kind += " without Adobe's marker"
    return data, kind + (" progressive" if options["progressive"] else "")


def relabel_sampling(rng, data, kind):
    """4:4:0 and other samplings that Pillow does not write: transpose those it does by swapping the factors in the frame
    header. The entropy-coded data then describes another picture of about the same size, which both decode."""
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        at = data.find(marker)
        if at < 0 or data[at + 9] != 3:
            continue
        factors = at + 11
        value = data[factors]
        swapped = (value >> 4) | (value & 15) << 4
        height, width = data[at + 5: at + 7], data[at + 7: at + 9]
        return (data[: at + 5] + width + height + data[at + 9: factors] + bytes([swapped]) + data[factors + 1:],
                kind + " factors swapped")
    return data, kind


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def png_rows(rng, samples, depth):
    """Rows of samples (height, width, channels) with a random filter type each."""
    height, width, channels = samples.shape
    if height == 0 or width == 0:
        return b""
    step = max(1, channels * depth // 8)
    if depth == 16:
        packed = samples.astype(">u2").reshape(height, -1).view(np.uint8)
    elif depth == 8:
        packed = samples.astype(np.uint8).reshape(height, -1)
    else:
        per_byte = 8 // depth
        flat = samples.reshape(height, -1).astype(np.uint8)
        flat = np.pad(flat, ((0, 0), (0, -flat.shape[1] % per_byte)))
        packed = np.zeros((height, flat.shape[1] // per_byte), np.uint8)
        for i in range(per_byte):
            packed |= flat[:, i::per_byte] << (8 - depth * (i + 1))
    out = bytearray()
    above = np.zeros(packed.shape[1], np.int32)
    for row in packed.astype(np.int32):
        left = np.concatenate([np.zeros(step, np.int32), row])[: len(row)]
        corner = np.concatenate([np.zeros(step, np.int32), above])[: len(row)]
        kind = rng.randint(0, 4)
        guess = [0, left, above, (left + above) // 2, 0][kind]
        if kind == 4:
            base = left + above - corner
            a, b, c = abs(base - left), abs(base - above), abs(base - corner)
            guess = np.where((a <= b) & (a <= c), left, np.where(b <= c, above, corner))
        out.append(kind)
        out += ((row - guess) & 255).astype(np.uint8).tobytes()
        above = row
    return bytes(out)


def png_file(rng, size, orientation):
    color, depth = rng.choice([(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8),
                               (4, 8), (4, 16), (6, 8), (6, 16), (2, 8), (6, 8)])
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    height, width = min(size[0], 160), min(size[1], 160)  # the filters above are Python loops
    samples = picture(rng, height, width, channels).astype(np.uint16)
    if depth == 16:
        low = np.random.default_rng(rng.getrandbits(32)).integers(0, 256, samples.shape).astype(np.uint16)
        samples = samples * 256 + low if rng.random() < 0.6 else (samples.astype(np.uint16) >> 5) * 73
    elif depth < 8:
        samples = samples >> (8 - depth)
    body = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace := rng.random() < 0.3))
    if rng.random() < 0.3:
        body += png_chunk(b"gAMA", struct.pack(">I", rng.choice([45455, 100000, 10000])))
    if rng.random() < 0.2:
        body += png_chunk(b"sBIT", bytes([min(depth, 3)] * (3 if color == 3 else channels)))
    if color == 3:
        colors = rng.choice([1 << depth, rng.randint(1, 1 << depth)])
        body += png_chunk(b"PLTE", np.random.default_rng(rng.getrandbits(32)).bytes(3 * colors))
    if rng.random() < 0.4 and color in (0, 2, 3):
        trns = {0: struct.pack(">H", rng.randrange(1 << depth)),
                2: struct.pack(">HHH", *[rng.randrange(256) for _ in range(3)])}.get(color)
        body += png_chunk(b"tRNS", trns or bytes(rng.choice([0, 255, rng.randrange(256)]) for _ in range(colors)))
    if rng.random() < 0.1:
        body += png_chunk(b"bKGD", {0: b"\0\1", 4: b"\0\1", 2: b"\0\1\0\2\0\3", 6: b"\0\1\0\2\0\3", 3: b"\0"}[color])
    if orientation:
        body += png_chunk(b"eXIf", exif_block(orientation)[6:])
    if interlace:
        raw = b"".join(png_rows(rng, samples[y::dy, x::dx], depth) for y, x, dy, dx in ADAM7)
    else:
        raw = png_rows(rng, samples, depth)
    packed = zlib.compress(raw, rng.randint(0, 9))
    parts = rng.choice([1, 1, 3])
    cut = -(-len(packed) // parts)
    for i in range(0, len(packed), cut):
        body += png_chunk(b"IDAT", packed[i: i + cut])
    return b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b""), f"png color {color} depth {depth}" + (
        " interlaced" if interlace else "")


def webp_file(rng, size, orientation):
    mode = rng.choice(["RGB", "RGB", "RGBA"])
    image = Image.fromarray(picture(rng, *size, len(mode)), mode)
    options = {"quality": rng.choice([0, 30, 75, 100]), "lossless": rng.random() < 0.4, "method": rng.randint(0, 4),
               "exact": rng.random() < 0.5}
    if orientation:
        options["exif"] = exif_block(orientation)
    kind = f"webp {mode}" + (" lossless" if options["lossless"] else " lossy")
    if rng.random() < 0.2:
        others = [Image.fromarray(picture(rng, *size, len(mode)), mode) for _ in range(rng.randint(1, 2))]
        options |= {"save_all": True, "append_images": others, "duration": 40,
                    "background": tuple(rng.randrange(256) for _ in range(4))}
        if rng.random() < 0.5:  # a first frame that is empty at its borders is stored smaller than the canvas
            inner = image.resize((max(1, size[1] // 2), max(1, size[0] // 2)))
            image = Image.new("RGBA", image.size)
            image.paste(inner, (size[1] // 4, size[0] // 4))
        kind += " animated"
    return saved(image, format="WEBP", **options), kind


def random_file(rng):
    size = random_size(rng)
    orientation = rng.choice([0, 0, 0, rng.randint(1, 8)])
    make = rng.choice([jpeg_file, jpeg_file, png_file, webp_file])
    return make(rng, size, orientation)


# ---- what Python does with them -------------------------------------------------------------------------------------


def half_even(x):
    return int(round(x))


def resized(image, size, method):
    """Sizes are (height, width), as everywhere here."""
    return image if (image.height, image.width) == size else image.resize((size[1], size[0]), FILTERS[method])


def shortest(image, side):
    height, width = image.height, image.width
    long = int(side * max(height, width) / min(height, width))
    return (long, side) if width <= height else (side, long)


def keep_ratio(image, target, pick):
    ratio = pick(image.height / target[0], image.width / target[1])
    return half_even(image.height / ratio), half_even(image.width / ratio)


def center_crop(image, size, fill):
    """As torchvision: pad what is missing, floor(d / 2) before; then crop at round((side - crop) / 2)."""
    missing_h, missing_w = max(0, size[0] - image.height), max(0, size[1] - image.width)
    if missing_h or missing_w:
        image = ImageOps.expand(image, (missing_w // 2, missing_h // 2, (missing_w + 1) // 2, (missing_h + 1) // 2), fill)
    top, left = half_even((image.height - size[0]) / 2.0), half_even((image.width - size[1]) / 2.0)
    return image.crop((left, top, left + size[1], top + size[0]))


def center_crop_floor(image, size):
    """As transformers: crop at floor((side - crop) / 2); ceil(d / 2) of what is missing is padded before."""
    pixels = np.array(image)
    out = np.zeros((*size, 3), np.uint8)
    place, take = [], []
    for side, crop in zip(pixels.shape, size):
        if crop > side:
            before = math.ceil((crop - side) / 2)
            place.append(slice(before, before + side))
            take.append(slice(0, side))
        else:
            place.append(slice(0, crop))
            take.append(slice((side - crop) // 2, (side - crop) // 2 + crop))
    out[tuple(place)] = pixels[tuple(take)]
    return Image.fromarray(out)


def tensor(image, mean, std, rescale, layout, order):
    pixels = np.array(image)
    values = pixels.astype(np.float32) / np.float32(255)
    if rescale is not None:
        values = (pixels.astype(np.float64) * rescale).astype(np.float32)
    if order == "bgr":
        values = values[..., ::-1]
    values = (values - np.array(mean, np.float32)) / np.array(std, np.float32)
    return np.ascontiguousarray(values if layout == "nhwc" else values.transpose(2, 0, 1))


def timm_transform(image, size, crop_pct, mode, method, mean):
    scale = tuple(math.floor(x / crop_pct) for x in size)
    fill = (0, 0, 0)
    if mode == "squash":
        image = resized(image, scale, method)
    elif mode == "border":
        fill = tuple(round(255 * v) for v in mean)
        image = resized(image, keep_ratio(image, scale, max), method)
    elif scale[0] == scale[1]:
        image = resized(image, shortest(image, scale[0]), method)
    else:
        image = resized(image, keep_ratio(image, scale, min), method)
    return center_crop(image, size, fill)


def capped(image, side, longest):
    height, width = image.height, image.width
    raw = None
    if max(height, width) / min(height, width) * side > longest:
        raw = longest * float(min(height, width)) / float(max(height, width))
        side = int(round(raw))
    if (height <= width and height == side) or (width <= height and width == side):
        return height, width
    base = side if raw is None else raw
    return (int(base * height / width), side) if width < height else (side, int(base * width / height))


def spec_transform(image, rule, resize, divisor, method, crop_rule, crop, fill):
    size = {
        "none": lambda: (image.height, image.width),
        "exact": lambda: resize,
        "shortest": lambda: shortest(image, resize[0]),
        "cover": lambda: keep_ratio(image, resize, min),
        "contain": lambda: keep_ratio(image, resize, max),
        "shortest_capped": lambda: capped(image, *resize),
        "fit": lambda: (int(image.height * min(resize[0] / image.height, resize[1] / image.width)),
                        int(image.width * min(resize[0] / image.height, resize[1] / image.width))),
    }[rule]()
    if divisor > 1:
        size = tuple(max(1, half_even(x / divisor)) * divisor for x in size)
    if size[0] * size[1] > 40_000_000:
        raise OverflowError("too large a picture for a test")
    image = resized(image, size, method)
    if crop_rule == "torchvision":
        return center_crop(image, crop, fill)
    return center_crop_floor(image, crop) if crop_rule == "transformers" else image


# ---- cases ----------------------------------------------------------------------------------------------------------


def normalisation(rng):
    return rng.choice([((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
                       ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
                       ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), (tuple(rng.random() for _ in range(3)),) * 2])


def commas(values):
    return ",".join(repr(v) for v in values)


def random_case(rng):
    """Returns (words for the driver, function of the decoded RGB image that gives the expected array)."""
    method = rng.choice(["bicubic", "bicubic", "bilinear", "lanczos", "nearest", "box", "hamming"])
    operation = rng.choice(["decode", "decode", "resize", "resize", "timm", "timm", "spec"])
    if operation == "decode":
        return {"op": "decode"}, lambda image: np.array(image)
    size = rng.choice([(rng.randint(1, 300), rng.randint(1, 300)), (224, 224), (rng.choice([64, 96, 160, 288]),) * 2])
    if operation == "resize":
        words = {"op": "resize", "size": f"{size[0]}x{size[1]}", "filter": method}
        return words, lambda image: np.array(image.resize((size[1], size[0]), FILTERS[method]))
    mean, std = normalisation(rng)
    layout, order = rng.choice(["nchw", "nchw", "nhwc"]), rng.choice(["rgb", "rgb", "rgb", "bgr"])
    common = {"filter": method, "mean": commas(mean), "std": commas(std), "layout": layout, "order": order}
    if operation == "timm":
        mode = rng.choice(["center", "center", "squash", "border"])
        crop_pct = rng.choice([0.875, 0.9, 0.95, 0.96, 1.0, 0.8, rng.uniform(0.5, 1.0)])
        words = {"op": "timm", "size": f"{size[0]}x{size[1]}", "crop_pct": repr(crop_pct), "mode": mode, **common}
        return words, lambda image: tensor(timm_transform(image, size, crop_pct, mode, method, mean), mean, std, None,
                                           layout, order)
    rule = rng.choice(["none", "exact", "shortest", "cover", "contain", "shortest_capped", "fit"])
    resize = (rng.randint(1, 260), rng.randint(1, 260))
    if rule == "shortest_capped":
        resize = (min(resize), max(resize) + 1)
    crop_rule = rng.choice(["none", "torchvision", "transformers", "transformers"])
    fill = tuple(rng.randrange(256) for _ in range(3)) if crop_rule == "torchvision" else (0, 0, 0)
    divisor = rng.choice([1, 1, 14, 32])
    rescale = rng.choice([None, 1 / 255, 0.00392156862745098, 1.0, 1 / 127.5])
    words = {"op": "spec", "rule": rule, "to": f"{resize[0]}x{resize[1]}", "divisor": divisor, "crop_rule": crop_rule,
             "crop": f"{size[0]}x{size[1]}", "fill": commas(fill), **common}
    if rescale is not None:
        words["rescale"] = repr(rescale)
    return words, lambda image: tensor(spec_transform(image, rule, resize, divisor, method, crop_rule, size, fill), mean,
                                       std, rescale, layout, order)


def decoded(data, orient):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(data))
        image.load()
        return (ImageOps.exif_transpose(image) if orient else image).convert("RGB")


def compare(answer, expected):
    """None where they agree, else what differs."""
    if isinstance(answer, str) or isinstance(expected, str):
        same = isinstance(answer, str) and isinstance(expected, str)
        return None if same else f"fovea: {answer if isinstance(answer, str) else 'fine'}; Pillow: " + (
            expected if isinstance(expected, str) else "fine")
    height, width, raw = answer
    values = np.frombuffer(raw, expected.dtype)
    if values.size != expected.size:
        return f"fovea gives {height}x{width}, Pillow {expected.shape}"
    differ = values.view(np.uint8) != expected.reshape(-1).view(np.uint8)
    if not differ.any():
        return None
    return f"{(values != expected.reshape(-1)).sum()} of {values.size} values differ"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the driver: BUILD/src/fovea_parity")
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="folder for the files of the cases that differ")
    arguments = parser.parse_args()
    fovea = Fovea(arguments.program)
    kinds, operations, refused, wrong, values = collections.Counter(), collections.Counter(), 0, 0, 0
    for number in range(arguments.cases):
        rng = random.Random(f"{arguments.seed}/{number}")
        data, kind = random_file(rng)
        words, expect = random_case(rng)
        orient = rng.random() < 0.25
        if orient:
            words["orient"] = 1
        if words["op"] in ("timm", "spec"):
            words["threads"] = rng.randint(1, 4)
        try:
            expected = expect(decoded(data, orient))
        except OverflowError:
            continue
        except Exception as error:  # whatever Pillow refuses, fovea must refuse
            expected = f"{type(error).__name__}: {error}"
            refused += 1
        answer = fovea.ask(data, **words)
        kinds[kind] += 1
        operations[" ".join(str(words[k]) for k in ("op", "mode", "rule", "filter") if k in words)] += 1
        difference = compare(answer, expected)
        if difference is None:
            values += 0 if isinstance(expected, str) else expected.size
            continue
        wrong += 1
        print(f"case {number} ({kind}) {words}: {difference}")
        if arguments.save:
            arguments.save.mkdir(parents=True, exist_ok=True)
            (arguments.save / f"case{number}.{kind.split()[0]}").write_bytes(data)
    print(f"{sum(kinds.values())} cases of {len(kinds)} kinds of files and {len(operations)} operations, {refused} refused by "
          f"Pillow: {wrong} differ ({values} values equal)")
    print(f"{sum(kinds.values()) - wrong} passed, {wrong} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
