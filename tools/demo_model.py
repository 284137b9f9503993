"""The demo's network and photos, shared by train_demo.py and compare_demo.py."""

from pathlib import Path

MODELS = Path(__file__).resolve().parent.parent / "models"
PHOTOS = MODELS / "photos"
ONNX = MODELS / "demo.onnx"
CHECKPOINT = MODELS / "demo.safetensors"
SIZE = 128
# What timm's evaluation transform and fovea both read from the recipe.
PREPROCESSING = {
    "input_size": (3, SIZE, SIZE),
    "interpolation": "bicubic",
    "crop_pct": 0.9,
    "crop_mode": "center",
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}


def photos(folder: Path = PHOTOS) -> list[Path]:
    """The photos in the order of their labels: the label is the name of the file without its ending."""
    return sorted((p for p in folder.iterdir() if p.suffix in (".jpg", ".png")), key=lambda p: p.stem)


def create(num_classes: int):
    """timm's resnet18d with one block a stage and a quarter of the channels: 0.3 million parameters."""
    import timm

    return timm.create_model(
        "resnet18d",
        layers=[1, 1, 1, 1],
        channels=(16, 32, 64, 128),
        stem_width=16,
        num_classes=num_classes,
        pretrained_cfg_overlay=PREPROCESSING,
    )


def evaluation_transform():
    """timm's own, from the model's recipe: what fovea must reproduce."""
    from timm.data import create_transform

    return create_transform(**PREPROCESSING, is_training=False)
