#!/usr/bin/env python3
"""Write the eight reference models that fovea is measured on: random weights from a fixed seed, opset 20, batch 1 to 64.

    tools/export_reference.py models/reference
    tools/export_reference.py models/reference resnet50 vitb16 --kinds pt,pt2,ncnn

Each gets NAME.onnx and NAME.torch.json, which says how the bench workers make the same PyTorch module; --kinds adds what
other runtimes read (tools/export_torch.py). What is there already stays. Needs ./dev setup --backends, or --export for
the ONNX files alone.
"""

import argparse
import sys
from pathlib import Path

PROGRAM = Path(__file__).name

try:
    import export_timm
    import reference_models
except ImportError as missing:
    sys.exit(f"{PROGRAM}: {missing}; run ./dev setup --backends and use .backends/venv/bin/python")


def write(name: str, path: Path):
    """NAME.onnx with timm's recipe in its metadata, and NAME.torch.json."""
    description = reference_models.REFERENCE[name]
    module, example = reference_models.make(description)
    metadata = None
    if description["library"] == "timm":
        metadata = export_timm.metadata_of(export_timm.recipe_of(module, tuple(description["input"][1:])), None)
    dynamic = "batch" not in description
    export_timm.write_onnx(module, example, path, dynamic_batch=dynamic, metadata=metadata, outputs=description["outputs"])
    reference_models.write_sidecar(path, description)
    print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)", flush=True)


def main() -> int:
    names = list(reference_models.REFERENCE)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)} (default: all)")
    parser.add_argument("--kinds", default="", metavar="LIST", help="also write these of pt, pt2, ncnn where they can be had")
    arguments = parser.parse_args()
    kinds = [kind for kind in arguments.kinds.split(",") if kind]
    if unknown := (set(arguments.names) - set(names)) or (set(kinds) - {"pt", "pt2", "ncnn"}):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or names:
        path = arguments.folder / f"{name}.onnx"
        if not (path.is_file() and reference_models.sidecar_of(path).is_file()):
            write(name, path)
        if kinds:
            import export_torch

            export_torch.export(path, kinds)  # says itself what cannot be had
    return 0


if __name__ == "__main__":
    sys.exit(main())
