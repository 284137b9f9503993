"""PyTorch modules behind ONNX files: the eight reference models, and any module that a sidecar file describes.

A sidecar lies beside MODEL.onnx as MODEL.torch.json and says how to make the same module again:

    {"library": "timm", "name": "resnet50", "arguments": {}, "seed": 0, "input": [3, 224, 224]}

`seed`: random weights, drawn as `make` does; or `weights`: a checkpoint (.safetensors, .pth), relative to the sidecar; or
neither, where the arguments say {"pretrained": true}.
"""

import json
from pathlib import Path

import torch

CLASSIFIERS = {  # name: (timm architecture, (height, width), extra arguments)
    "resnet18d": ("resnet18d", (416, 288), {"num_classes": 19}),
    "resnet50": ("resnet50", (224, 224), {}),
    "mobilenetv3": ("mobilenetv3_large_100", (224, 224), {}),
    "convnext_tiny": ("convnext_tiny", (224, 224), {}),
    "vitb16": ("vit_base_patch16_224", (224, 224), {}),
    "eva02s": ("eva02_small_patch14_336", (336, 336), {}),
    "eva02l": ("eva02_large_patch14_448", (448, 448), {}),
}
REFERENCE = {
    name: {"library": "timm", "name": timm_name, "arguments": extra, "seed": 0, "input": [3, *size], "outputs": ["output"]}
    for name, (timm_name, size, extra) in CLASSIFIERS.items()
} | {
    "detr": {
        "library": "transformers",
        "name": "DetrForObjectDetection",
        "arguments": {"use_pretrained_backbone": False},
        "seed": 0,
        "input": [3, 800, 1066],
        "outputs": ["logits", "boxes"],
        "batch": 1,
    }
}


class Detr(torch.nn.Module):
    """Hugging Face's DETR on images that fill the batch: pixels -> (logits, boxes)."""

    def __init__(self, arguments: dict):
        super().__init__()
        from transformers import DetrConfig, DetrForObjectDetection

        self.model = DetrForObjectDetection(DetrConfig(**arguments))

    def forward(self, pixels):
        mask = torch.ones(pixels.shape[0], pixels.shape[2], pixels.shape[3], dtype=torch.long)
        out = self.model(pixel_values=pixels, pixel_mask=mask)
        return out.logits, out.pred_boxes


def randomise(model: torch.nn.Module) -> torch.nn.Module:
    """Plain random values for BatchNorm statistics and for parameters that start at or near 0, lest layers cancel."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
        for parameter in model.parameters():
            if parameter.abs().max() < 1e-3:
                parameter.normal_(0, 0.02) if parameter.ndim > 1 else parameter.uniform_(0.1, 0.3)
    return model


def make(description: dict, folder: Path = Path()) -> tuple[torch.nn.Module, torch.Tensor]:
    """The module in evaluation mode, and an example input of its batch size (2 where that is free).

    Raises ValueError where the description asks for what is not known here.
    """
    torch.manual_seed(description.get("seed") or 0)
    if description["library"] == "timm":
        import timm

        model = timm.create_model(description["name"], **description.get("arguments", {}))
    elif description["library"] == "transformers" and description["name"] == "DetrForObjectDetection":
        model = Detr(description.get("arguments", {}))
    else:
        raise ValueError(f"no module {description['name']!r} of {description['library']!r} is known")
    example = torch.randn(description.get("batch") or 2, *description["input"])
    if weights := description.get("weights"):
        from timm.models import load_state_dict

        model.load_state_dict(load_state_dict(str(folder / weights), device="cpu", weights_only=True))
    elif description.get("seed") is not None:
        randomise(model)
    return model.eval().requires_grad_(False), example


def sidecar_of(model: Path) -> Path:
    """Where the description of MODEL.onnx (.pt, .pt2) lies."""
    return model.with_suffix(".torch.json")


def read_sidecar(model: Path) -> dict:
    """Raises ValueError, with what to do, where the model has no usable sidecar."""
    path = sidecar_of(model)
    try:
        description = json.loads(path.read_text())
        if not isinstance(description, dict) or not {"library", "name", "input"} <= description.keys():
            raise ValueError("library, name or input is missing")
        return description
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} does not say which PyTorch module {model.name} is ({error})") from error


def write_sidecar(model: Path, description: dict) -> Path:
    path = sidecar_of(model)
    path.write_text(json.dumps(description, indent=2) + "\n")
    return path
