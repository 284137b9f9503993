"""TorchScript files as they go into the repository: without the debug records, which hold paths of the machine that made them."""

import zipfile
from pathlib import Path


def without_debug_records(path: Path):
    """Rewrites the file in place. Weights and code stay as they are."""
    with zipfile.ZipFile(path) as archive:
        kept = [(info.filename, archive.read(info)) for info in archive.infolist() if not info.filename.endswith(".debug_pkl")]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in kept:
            archive.writestr(zipfile.ZipInfo(name), data)
