#!/usr/bin/env python3
"""Train the classifier of the int8 table: timm's ResNet18-D on 19 signs drawn on photos (tools/signs.py).

    tools/train_signs.py -o signs.onnx [--steps 500,250,120] [--threads N]

The model takes photos of 416x288 (height x width; any height and width in multiples of 32) with values from 0 to 1,
normalises them itself and answers with probabilities. It learns at a quarter of the size first, then at half, then at the
full one, each with one cycle of the learning rate. Two things make it learn from nothing within minutes: the pictures go from
white signs on black to photos as fast as it follows, and a second loss asks for the sign's name at the sign's place alone, for averaged
over the whole photo a small sign is a faint signal.

Seeded. After every 20 steps it writes signs.onnx.checkpoint, from which the same command goes on. Needs
tools/requirements-export.txt and no data but models/photos. A step of the three stages costs 0.8, 0.9 and 1.7 s of a core
with AMX, so the default 14 minutes; drawing the pictures goes on beside it in a process of its own.
"""

import argparse
import json
import math
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
STAGES = [(64, 104, 72, 1.5e-3), (32, 208, 144, 1e-3), (16, signs.HEIGHT, signs.WIDTH, 4e-4)]  # batch, height, width, peak rate


class Pictures(Dataset):
    """Pictures by (number, difficulty), sign after sign: pixels {3, height, width} u8, label, place."""

    def __init__(self, height: int, width: int):
        self.size = height, width

    def __getitem__(self, key):
        number, difficulty = key
        label = number % len(signs.NAMES)
        image, place = signs.picture_and_place(label, number, *self.size, difficulty)
        return torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy()), label, torch.tensor(place)


class Lessons:
    """Batches of numbers; the difficulty rises while the model follows, so that it never starts from photos that say nothing to it."""

    def __init__(self, first: int, steps: int, batch: int, difficulty: float):
        self.first, self.steps, self.batch, self.difficulty, self.right = first, steps, batch, difficulty, 0.0

    def __iter__(self):
        for step in range(self.steps):
            start = self.first + step * self.batch
            yield [(number, self.difficulty) for number in range(start, start + self.batch)]

    def heard(self, right: float):
        self.right = 0.7 * self.right + 0.3 * right
        if self.right > 0.6:
            self.difficulty = min(1.0, self.difficulty + 0.01)


class Classifier(torch.nn.Module):
    """Photos from 0 to 1 in, probabilities out."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def features(self, photos):
        return self.network.forward_features((photos - self.mean) / self.std)

    def forward(self, photos):
        return self.network.forward_head(self.features(photos)).softmax(-1)


def one_cycle(step: int, steps: int, peak: float) -> float:
    warm = 0.05 * steps
    if step < warm:
        return peak * (0.05 + 0.95 * step / warm)
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm))))


def losses(model, photos, labels, places):
    """The loss of the photo's scores plus that of the scores at the sign's place; and the scores."""
    with torch.autocast("cpu", torch.bfloat16):
        features = model.features(photos)
    features = features.float()
    scores = model.network.forward_head(features)
    cells = (places * torch.tensor(features.shape[2:])).long()
    there = model.network.fc(features[torch.arange(len(labels)), :, cells[:, 0], cells[:, 1]])
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.05)
    return loss_of(scores, labels) + 0.5 * loss_of(there, labels), scores


def train(model, state, stage, steps, checkpoint):
    """One stage from state["step"] on; the checkpoint holds the model, the optimiser and `state`."""
    batch, height, width, peak = STAGES[stage]
    lessons = Lessons(1_000_000 * (stage + 1) + state["step"] * batch, steps - state["step"], batch, state["difficulty"])
    lessons.right = state["right"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, weight_decay=0.02)
    if "optimizer" in state:
        optimizer.load_state_dict(state.pop("optimizer"))
    start, right, seen = time.monotonic(), 0, 0
    model.train()
    for photos, labels, places in DataLoader(Pictures(height, width), batch_sampler=lessons, num_workers=1):
        for group in optimizer.param_groups:
            group["lr"] = one_cycle(state["step"], steps, peak)
        loss, scores = losses(model, photos.float().div(255).contiguous(memory_format=torch.channels_last), labels, places)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        hits = (scores.argmax(-1) == labels).sum().item()
        lessons.heard(hits / batch)
        state.update(step=state["step"] + 1, difficulty=lessons.difficulty, right=lessons.right)
        right, seen = right + hits, seen + batch
        if state["step"] % 20 == 0 or state["step"] == steps:
            print(f"{height}x{width}, step {state['step']}/{steps}: loss {loss:.2f}, {right / seen:.1%} right at difficulty "
                  f"{lessons.difficulty:.2f}, {time.monotonic() - start:.0f} s, {time.process_time():.0f} s of processor", flush=True)
            right = seen = 0
            save(checkpoint, {**state, "stage": stage, "model": model.state_dict(), "optimizer": optimizer.state_dict()})


def save(path: Path, state: dict):
    beside = path.with_suffix(".part")
    torch.save(state, beside)
    beside.replace(path)


@torch.no_grad()
def accuracy(model, count, height, width):
    model.eval()
    keys = [(HELD_OUT_SEED + number, 1.0) for number in range(count)]
    right = 0
    for photos, labels, _ in DataLoader(Pictures(height, width), 16, sampler=keys, num_workers=1):
        right += (model(photos.float().div(255).contiguous(memory_format=torch.channels_last)).argmax(-1) == labels).sum().item()
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
    parser.add_argument("--steps", default="500,250,120", help="of 64, 32 and 16 photos of 104x72, 208x144 and 416x288")
    # One core draws pictures; threads that wait for one another spin, which a busy machine pays for.
    parser.add_argument("--threads", type=int, default=max(1, torch.get_num_threads() - 1))
    parser.add_argument("--check", type=int, default=380, help="held-out photos after each stage")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    network = timm.create_model("resnet18d", num_classes=len(signs.NAMES)).to(memory_format=torch.channels_last)
    model = Classifier(network)
    state = {"stage": 0, "step": 0, "difficulty": 0.0, "right": 0.0}
    checkpoint = Path(str(options.output) + ".checkpoint")
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state.pop("model"))
        print(f"going on from {checkpoint}: stage {state['stage'] + 1}, step {state['step']}", flush=True)
    for stage, steps in enumerate(map(int, options.steps.split(","))):
        if stage < state["stage"]:
            continue
        train(model, state, stage, steps, checkpoint)
        _, height, width, _ = STAGES[stage]
        print(f"{accuracy(model, options.check, height, width):.2%} of {options.check} held-out photos of {height}x{width} right", flush=True)
        state.update(stage=stage + 1, step=0)
        state.pop("optimizer", None)
    export(model, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
