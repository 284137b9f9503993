#!/usr/bin/env python3
"""Train the demo's model: a small ResNet-D that tells the photos of models/photos apart, each a class of its own.

    tools/train_demo.py [--steps N] [--threads N] [-o models/demo.onnx] [--checkpoint models/demo.safetensors]

It knows these photos and nothing else. Every step shows it each photo twice, cropped, turned, recoloured and blurred at
random, so that it learns what is in them and not where. Seeded: the same packages on the same processor give the same
file. Needs tools/requirements-export.txt; takes about ten minutes on one core.
"""

import argparse
import random
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision.transforms import v2

import demo_model
import export_timm


class Camera:
    """Makes random views of photos: crop, turn, perspective, colour, blur, erased patches."""

    def __init__(self):
        self.geometry = v2.Compose(
            [
                v2.RandomApply(
                    [v2.RandomAffine(30, shear=10, interpolation=v2.InterpolationMode.BILINEAR, fill=128)], p=0.3
                ),
                v2.RandomPerspective(0.3, p=0.3, fill=128),
                v2.RandomResizedCrop(
                    demo_model.SIZE, scale=(0.12, 1.0), ratio=(0.6, 1.7), interpolation=v2.InterpolationMode.BICUBIC
                ),
                v2.RandomHorizontalFlip(),
            ]
        )
        self.look = v2.Compose(
            [
                v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.05)], p=0.8),
                v2.RandomGrayscale(0.2),
                v2.RandomApply([v2.GaussianBlur(5, (0.1, 2.0))], p=0.2),
                v2.RandomApply([v2.JPEG((30, 95))], p=0.3),
                v2.PILToTensor(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(demo_model.PREPROCESSING["mean"], demo_model.PREPROCESSING["std"]),
                v2.RandomErasing(0.3, scale=(0.02, 0.2)),
            ]
        )

    def __call__(self, photo: Image.Image) -> torch.Tensor:
        return self.look(self.geometry(photo))


def thumbnail(photo: Image.Image, longest: int = 320) -> Image.Image:
    """The photo small enough that random crops are cheap and still at least as fine as the network's input."""
    photo = photo.copy()
    photo.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return photo


def train(model, photos: list[Image.Image], steps: int, views: int, peak_rate: float):
    """AdamW with one cycle of the learning rate; returns the moving average of the weights, which is steadier."""
    camera = Camera()
    targets = torch.arange(len(photos)).repeat(views)
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak_rate, total_steps=steps, pct_start=0.15)
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98), use_buffers=True
    )
    start = time.monotonic()
    model.train()
    for step in range(1, steps + 1):
        batch = torch.stack([camera(photo) for _ in range(views) for photo in photos])
        logits = model(batch)
        loss = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=0.01)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        average.update_parameters(model)
        if step % 50 == 0 or step == steps:
            accuracy = (logits.argmax(1) == targets).float().mean()
            print(
                f"step {step:4} of {steps}: loss {loss:.3f}, top-1 {accuracy:.2f}, {time.monotonic() - start:.0f} s",
                flush=True,
            )
    return average.module.eval()


@torch.no_grad()
def check(model, paths: list[Path]) -> float:
    """Prints the probability of each photo's label after timm's evaluation transform; the lowest, or -1 on a miss."""
    transform = demo_model.evaluation_transform()
    lowest = 1.0
    for index, path in enumerate(paths):
        probabilities = model(transform(Image.open(path).convert("RGB"))[None]).softmax(1)[0]
        right = int(probabilities.argmax()) == index
        print(f"{path.name:<16} {probabilities[index]:.4f}{'' if right else '  WRONG'}")
        lowest = min(lowest, float(probabilities[index]) if right else -1.0)
    return lowest


@torch.no_grad()
def check_views(model, photos: list[Image.Image], views: int = 20) -> float:
    """The share of new random views that it names rightly."""
    camera = Camera()
    right = 0
    for index, photo in enumerate(photos):
        right += int((model(torch.stack([camera(photo) for _ in range(views)])).argmax(1) == index).sum())
    return right / (views * len(photos))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--views", type=int, default=2, help="random views of each photo in a step")
    parser.add_argument("--rate", type=float, default=4e-3, help="peak learning rate")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--checkpoint", type=Path, default=demo_model.CHECKPOINT)
    parser.add_argument("-o", "--output", type=Path, default=demo_model.ONNX)
    arguments = parser.parse_args()
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)

    paths = demo_model.photos()
    labels = [path.stem for path in paths]
    photos = [thumbnail(Image.open(path).convert("RGB")) for path in paths]
    model = demo_model.create(len(labels))
    print(f"{len(labels)} photos, {sum(p.numel() for p in model.parameters()) / 1e6:.2f} million parameters")
    model = train(model, photos, arguments.steps, arguments.views, arguments.rate)
    print(f"new random views named rightly: {check_views(model, photos):.1%}")
    lowest = check(model, paths)

    recipe = export_timm.recipe_of(model) | {"architecture": "resnet18d, slim"}
    save_file(model.state_dict(), str(arguments.checkpoint))
    arguments.checkpoint.chmod(0o644)
    example = torch.randn(2, *recipe["input_size"])
    export_timm.write_onnx(model, example, arguments.output, metadata=export_timm.metadata_of(recipe, labels))
    print(f"wrote {arguments.output} ({arguments.output.stat().st_size / 1e6:.2f} MB) and {arguments.checkpoint}")
    print(
        f"next: fovea classify {arguments.output} {paths[labels.index('coffee')] if 'coffee' in labels else paths[0]}"
    )
    return 0 if lowest > 0.5 else 1


if __name__ == "__main__":
    sys.exit(main())
