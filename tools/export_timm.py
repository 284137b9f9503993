#!/usr/bin/env python3
"""Write any timm image classifier as an ONNX file that fovea runs as it is: recipe and labels travel in its metadata.

    tools/export_timm.py resnet50 --pretrained
    tools/export_timm.py resnet18d --checkpoint best.pth.tar --labels labels.txt --size 416x288 -o flowers.onnx
    tools/export_timm.py hf-hub:timm/eva02_large_patch14_448.mim_m38m_ft_in22k_in1k --pretrained --batch 1

Needs tools/requirements-export.txt (./dev setup --export). docs/metadata.md describes what lies in the metadata.
"""

import argparse
import contextlib
import json
import logging
import os
import sys
import tempfile
import warnings
from pathlib import Path

SINGLE_FILE_LIMIT = 1_900_000_000  # protobuf ends at 2 GiB: what is larger gets its weights in a file beside it
MAX_BATCH = 64


class UserError(Exception):
    """Shown without a traceback: what is wrong and how to mend it."""


try:
    import onnx
    import timm
    import torch
    from timm.data import ImageNetInfo, infer_imagenet_subset, resolve_data_config
    from timm.models import load_state_dict
except ImportError as missing:
    sys.exit(f"{Path(__file__).name}: {missing}; run ./dev setup --export and use .venv-export/bin/python")


def parse_size(text: str) -> tuple[int, int]:
    """ "224" or "416x288" (height x width) as (height, width)."""
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdigit() and 0 < int(part) <= 8192 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write 224, or HEIGHTxWIDTH such as 416x288")
    return int(parts[0]), int(parts[-1])


def parse_batch(text: str) -> int | None:
    """A fixed batch size, or None for a dynamic one."""
    if text == "dynamic":
        return None
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no batch: write a positive number, or dynamic")
    return int(text)


def classes_in(state: dict, classifier) -> int | None:
    """The number of classes that a checkpoint's last layer was trained for; None where it cannot be told."""
    for name in [classifier] if isinstance(classifier, str) else classifier or []:
        bias = state.get(f"{name}.bias")
        if bias is not None and bias.ndim == 1:
            return bias.shape[0]
    return None


def create_model(
    name: str,
    *,
    pretrained=False,
    checkpoint: Path | None = None,
    num_classes: int | None = None,
    size: tuple[int, int] | None = None,
    exportable=False,
) -> torch.nn.Module:
    """A timm model in evaluation mode. Without `num_classes`, the checkpoint's last layer says how many there are."""
    is_local_name = ":" not in name
    if is_local_name and not timm.is_model(name.split(".")[0]):
        similar = ", ".join(timm.list_models(f"*{name.split('_')[0]}*")[:8])
        raise UserError(
            f"timm {timm.__version__} has no model {name!r}; "
            + (f"similar: {similar}" if similar else "`python -c 'import timm; print(timm.list_models())'` lists them")
        )
    state = None
    if checkpoint is not None:
        if not checkpoint.is_file():
            raise UserError(f"{checkpoint}: no such file")
        try:
            state = load_state_dict(str(checkpoint), device="cpu", weights_only=True)
        except Exception as error:
            raise UserError(f"{checkpoint}: no checkpoint that PyTorch can read ({error})") from error
        if num_classes is None:
            config = timm.get_pretrained_cfg(name) if is_local_name else None
            num_classes = classes_in(state, config.classifier if config else None)
    extra = {"exportable": exportable}
    if num_classes is not None:
        extra["num_classes"] = num_classes
    try:
        if size is None:
            model = timm.create_model(name, pretrained=pretrained, **extra)
        else:
            try:  # models with position embeddings or windows need to know the size; the others do not take it
                model = timm.create_model(name, pretrained=pretrained, img_size=size, **extra)
            except TypeError:
                model = timm.create_model(name, pretrained=pretrained, **extra)
    except (AssertionError, RuntimeError, ValueError) as error:
        raise UserError(f"timm cannot make {name!r}: {error}") from error
    if state is not None:
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            first = "\n  ".join(str(error).splitlines()[:6])
            raise UserError(
                f"{checkpoint} does not fit {name}: {first}\n  check the name, --num-classes and --size"
            ) from error
    return model.eval()


def recipe_of(model: torch.nn.Module, size: tuple[int, int] | None = None) -> dict:
    """How timm's evaluation transform makes this model's input, in the words of timm's pretrained_cfg."""
    overrides = {"input_size": (3, *size)} if size else {}
    config = resolve_data_config(overrides, model=model)
    return {
        "architecture": model.pretrained_cfg.get("architecture", type(model).__name__),
        "num_classes": model.num_classes,
        "input_size": list(config["input_size"]),
        "interpolation": config["interpolation"],
        "crop_pct": config["crop_pct"],
        "crop_mode": config["crop_mode"],
        "mean": list(config["mean"]),
        "std": list(config["std"]),
        "channel_order": "rgb",
    }


def read_labels(path: Path) -> list[str]:
    """A label file: one a line, or JSON as a list or as {"index": "name"}."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}") from error
    if text.lstrip()[:1] in ("[", "{"):
        try:
            data = json.loads(text)
            if isinstance(data, dict):
                data = [data[str(index)] for index in range(len(data))]
        except (json.JSONDecodeError, KeyError) as error:
            raise UserError(
                f"{path}: neither a JSON list of names nor an object from 0, 1, ... to names ({error})"
            ) from error
        return [str(name) for name in data]
    return text.splitlines()


def labels_of(model: torch.nn.Module, labels: Path | None = None) -> list[str] | None:
    """The names of the classes: from the file, else from the pretrained weights, else ImageNet's; None if unknown."""
    if labels is not None:
        names = read_labels(labels)
        if len(names) != model.num_classes:
            raise UserError(
                f"{labels} names {len(names)} classes, but the model has {model.num_classes}; "
                f"give a file with as many lines, or --num-classes {len(names)}"
            )
        return names
    config = model.pretrained_cfg
    names, descriptions = config.get("label_names"), config.get("label_descriptions") or {}
    if names and len(names) == model.num_classes:
        return [descriptions.get(name, name) for name in names]
    subset = infer_imagenet_subset(model)
    return ImageNetInfo(subset).label_descriptions() if subset else None


def metadata_of(recipe: dict, labels: list[str] | None) -> dict[str, str]:
    """What goes into the ONNX file's metadata_props."""
    metadata = {"fovea.recipe": json.dumps(recipe)}
    if labels is not None:
        metadata["fovea.labels"] = json.dumps(labels, ensure_ascii=False)
    return metadata


@contextlib.contextmanager
def quiet():
    """Hides what the exporters print, also from C++ (whole graphs, when they fail): exceptions say what went wrong."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), open(os.devnull, "w") as nowhere:
            warnings.simplefilter("ignore")
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in enumerate(saved, 1):
            os.dup2(copy, number)
            os.close(copy)
        logging.disable(logging.NOTSET)


def forget_source(proto: onnx.ModelProto):
    """Drops what the exporter notes of where each node came from: stack traces, with paths of this machine."""
    graphs = [proto.graph, *proto.functions]
    for graph in graphs:
        for node in graph.node:
            node.ClearField("metadata_props")
            node.ClearField("doc_string")
            graphs += [a.g for a in node.attribute if a.HasField("g")]
        del graph.metadata_props[:]
    for value in [*proto.graph.value_info, *proto.graph.input, *proto.graph.output, *proto.graph.initializer]:
        del value.metadata_props[:]


def write_onnx(
    model: torch.nn.Module,
    example: torch.Tensor,
    path: Path,
    *,
    opset=20,
    dynamic_batch=True,
    legacy=False,
    metadata: dict[str, str] | None = None,
    inputs=("input",),
    outputs=("output",),
) -> list[Path]:
    """Export `model` to `path`, atomically, with external data beside it when needed. Returns the files written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = sum(t.numel() * t.element_size() for t in [*model.parameters(), *model.buffers()])
    options = {"input_names": list(inputs), "output_names": list(outputs), "opset_version": opset}
    if legacy:
        options |= {"dynamo": False}
        if dynamic_batch:
            options["dynamic_axes"] = {name: {0: "batch"} for name in (*inputs, *outputs)}
    else:
        options |= {"dynamo": True, "external_data": weights > SINGLE_FILE_LIMIT, "verbose": False}
        if dynamic_batch:
            options["dynamic_shapes"] = ({0: torch.export.Dim("batch", min=1, max=MAX_BATCH)},)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        draft = Path(folder) / path.name
        with torch.no_grad(), quiet():
            torch.onnx.export(model.eval(), (example,), str(draft), **options)
        proto = onnx.load(str(draft))
        forget_source(proto)
        onnx.helper.set_model_props(proto, {p.key: p.value for p in proto.metadata_props} | (metadata or {}))
        files = [path]
        if weights > SINGLE_FILE_LIMIT:
            files.append(path.with_name(path.name + ".data"))
            final = Path(folder) / "final"
            final.mkdir()
            onnx.save(proto, str(final / path.name), save_as_external_data=True, location=files[1].name)
            os.replace(final / files[1].name, files[1])
            os.replace(final / path.name, path)
        else:
            onnx.save(proto, str(draft))
            os.replace(draft, path)
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="timm's name of the model, with or without a tag, or hf-hub:OWNER/NAME")
    parser.add_argument("--pretrained", action="store_true", help="download timm's weights (random ones otherwise)")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="weights of your own training: .pth, .pt, .safetensors"
    )
    parser.add_argument(
        "--labels", type=Path, metavar="FILE", help="class names: one a line, or JSON as list or index -> name"
    )
    parser.add_argument(
        "--num-classes", type=int, metavar="N", help="classes of the last layer (default: as in the weights)"
    )
    parser.add_argument(
        "--size", type=parse_size, metavar="HxW", help="input size, height first (default: as timm says)"
    )
    parser.add_argument(
        "--batch",
        type=parse_batch,
        default=None,
        metavar="N|dynamic",
        help=f"fixed batch size, or dynamic: 1 to {MAX_BATCH} (default)",
    )
    parser.add_argument(
        "--opset", type=int, default=None, metavar="N", help="ONNX opset (default: 20; 18 with --legacy)"
    )
    parser.add_argument("--legacy", action="store_true", help="use PyTorch's older exporter, which traces")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="file to write (default: NAME.onnx)")
    arguments = parser.parse_args()
    if arguments.pretrained and arguments.checkpoint:
        parser.error("--pretrained and --checkpoint both give weights: choose one")
    opset = arguments.opset or (18 if arguments.legacy else 20)
    newest = 20 if arguments.legacy else onnx.defs.onnx_opset_version()
    if not 9 <= opset <= newest:
        parser.error(f"--opset {opset}: this exporter writes 9 to {newest}")
    path = arguments.output or Path(arguments.name.split("/")[-1].replace(":", "_") + ".onnx")
    try:
        model = create_model(
            arguments.name,
            pretrained=arguments.pretrained,
            checkpoint=arguments.checkpoint,
            num_classes=arguments.num_classes,
            size=arguments.size,
            exportable=arguments.legacy,
        )
        recipe, labels = recipe_of(model, arguments.size), labels_of(model, arguments.labels)
        example = torch.randn(arguments.batch or 2, *recipe["input_size"])
        try:
            with torch.no_grad():
                shape = tuple(model(example).shape)
        except Exception as error:
            raise UserError(f"{arguments.name} does not take {'x'.join(map(str, example.shape))}: {error}") from error
        if len(shape) != 2:
            raise UserError(
                f"{arguments.name} gives an output of shape {shape}, not one score a class: it is no classifier"
            )
        try:
            files = write_onnx(
                model,
                example,
                path,
                opset=opset,
                dynamic_batch=arguments.batch is None,
                legacy=arguments.legacy,
                metadata=metadata_of(recipe, labels),
            )
        except OSError:
            raise
        except Exception as error:
            hint = "without --legacy" if arguments.legacy else "--legacy"
            hint += " or --batch 1" if arguments.batch is None else ""
            reason = "\n  ".join(str(error).strip().splitlines()[:8])
            raise UserError(f"PyTorch cannot export {arguments.name}: {reason}\n  try {hint}") from error
    except (UserError, OSError) as error:
        sys.exit(f"{Path(__file__).name}: {error}")
    height, width = recipe["input_size"][1:]
    written = onnx.load(str(path), load_external_data=False)
    opset = next(entry.version for entry in written.opset_import if entry.domain == "")
    print(
        f"wrote {' and '.join(f'{f} ({f.stat().st_size / 1e6:.1f} MB)' for f in files)}: opset {opset}, batch "
        f"{arguments.batch or f'1 to {MAX_BATCH}'}, {height}x{width}, {shape[1]} classes "
        f"{'with names' if labels else 'without names (--labels FILE adds them)'}"
    )
    if not arguments.pretrained and not arguments.checkpoint:
        print("its weights are random: --pretrained or --checkpoint FILE gives real ones")
    print(f"next: fovea classify {path} photo.jpg")


if __name__ == "__main__":
    main()
