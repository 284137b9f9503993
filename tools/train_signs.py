#!/usr/bin/env python3
"""Train the classifier of the int8 table: timm's ResNet18-D on 19 signs drawn on photos (tools/signs.py).

    tools/train_signs.py -o signs.onnx [--steps 800,250,60] [--threads N]

The model takes photos of 416x288 (height x width; any height and width in multiples of 32) with values from 0 to 1,
normalises them itself and answers with probabilities. It learns at a third of the size first, then at half, then at the full one. Seeded.
Needs tools/requirements-export.txt; takes about twenty minutes on two cores with bf16 products, and needs no data but models/photos.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import signs
import timm
import torch
from export_timm import quiet
from torch.utils.data import DataLoader, Dataset

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HELD_OUT_SEED = 1_000_000_000


class Pictures(Dataset):
    """Pictures from `first` on, sign after sign; `lessons`: the first half goes from plain grounds to photos."""

    def __init__(self, first: int, count: int, height: int, width: int, lessons=False):
        self.first, self.count, self.size, self.lessons = first, count, (height, width), lessons

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        label = index % len(signs.NAMES)
        difficulty = min(1.0, 2 * index / self.count) if self.lessons else 1.0
        pixels = np.asarray(signs.picture(label, self.first + index, *self.size, difficulty))
        return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255), label


class Classifier(torch.nn.Module):
    """Photos from 0 to 1 in, probabilities out."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def scores(self, photos):
        return self.network((photos - self.mean) / self.std)

    def forward(self, photos):
        return self.scores(photos).softmax(-1)


def train(model, first, steps, batch, height, width, rate, lessons):
    loader = DataLoader(Pictures(first, steps * batch, height, width, lessons), batch, num_workers=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.15)
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.05)
    start, right, seen = time.monotonic(), 0, 0
    model.train()
    for step, (photos, labels) in enumerate(loader, 1):
        with torch.autocast("cpu", torch.bfloat16):
            scores = model.scores(photos.to(memory_format=torch.channels_last))
        loss = loss_of(scores.float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        right, seen = right + (scores.argmax(-1) == labels).sum().item(), seen + len(labels)
        if step % 25 == 0 or step == steps:
            print(f"{height}x{width}, step {step}/{steps}: {right / seen:.1%} right, {time.monotonic() - start:.0f} s", flush=True)
            right = seen = 0


@torch.no_grad()
def accuracy(model, count):
    model.eval()
    right = 0
    for photos, labels in DataLoader(Pictures(HELD_OUT_SEED, count, signs.HEIGHT, signs.WIDTH), 16, num_workers=1):
        right += (model(photos.to(memory_format=torch.channels_last)).argmax(-1) == labels).sum().item()
    return right / count


def export(model, path):
    example = torch.rand(2, 3, signs.HEIGHT, signs.WIDTH)
    batch, height, width = torch.export.Dim("batch"), torch.export.Dim("rows"), torch.export.Dim("columns")
    with quiet(), torch.no_grad():
        program = torch.onnx.export(model.eval().to(memory_format=torch.contiguous_format), (example,), dynamo=True, opset_version=20,
                                    input_names=["input"], output_names=["probabilities"],
                                    dynamic_shapes=({0: batch, 2: 32 * height, 3: 32 * width},))
    proto = program.model_proto
    for node in proto.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    recipe = {"architecture": "resnet18d", "num_classes": len(signs.NAMES), "shortest": signs.WIDTH, "divisor": 32,
              "interpolation": "bilinear", "mean": MEAN, "std": STD}
    onnx.helper.set_model_props(proto, {"fovea.recipe": json.dumps(recipe), "fovea.labels": json.dumps(signs.NAMES)})
    onnx.save(proto, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", default="800,250,60", help="of 32, 32 and 16 photos of 128x96, 208x144 and 416x288")
    # One core draws pictures; threads that wait for one another spin, which a busy machine pays for.
    parser.add_argument("--threads", type=int, default=max(1, torch.get_num_threads() - 1))
    parser.add_argument("--check", type=int, default=380, help="held-out photos at the end")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    network = timm.create_model("resnet18d", num_classes=len(signs.NAMES)).to(memory_format=torch.channels_last)
    model = Classifier(network)
    stages = [(32, 128, 96, 2e-3), (32, 208, 144, 1e-3), (16, signs.HEIGHT, signs.WIDTH, 3e-4)]
    for stage, (steps, (batch, height, width, rate)) in enumerate(zip(options.steps.split(","), stages)):
        train(model, 1_000_000 * stage, int(steps), batch, height, width, rate, lessons=stage == 0)
    print(f"{accuracy(model, options.check):.2%} of {options.check} held-out photos right", flush=True)
    export(model, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
