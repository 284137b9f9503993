"""What a worker wants to know of the ONNX file: output names, the recipe for photos."""

import json
from pathlib import Path


def output_names(model: Path) -> list[str]:
    import onnx

    return [output.name for output in onnx.load(str(model), load_external_data=False).graph.output]


def recipe(model: Path) -> dict | None:
    """How photos become inputs, from the file's metadata (docs/metadata.md); None where it does not say."""
    import onnx

    properties = onnx.load(str(model), load_external_data=False).metadata_props
    return next((json.loads(entry.value) for entry in properties if entry.key == "fovea.recipe"), None)
