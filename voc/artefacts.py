"""Opens ``models/`` by its manifest. Enters: a folder. Leaves: paths whose SHA-256 was checked.

``manifest.json`` names each file with its SHA-256, size, source, licence and the figures it reached.
No file is ever loaded by running code: the formats are ONNX, safetensors, skops and JSON.
"""

from __future__ import annotations

import hashlib
import json
import threading
from functools import cached_property
from pathlib import Path
from typing import Any

from voc.errors import ArtefactError

MANIFEST = "manifest.json"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file as 64 lower-case hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Artefacts:
    """The model files of one folder, each checked against the manifest before its path is handed out.

    Raises:
        ArtefactError: ``manifest_missing``, ``manifest_invalid``, ``artefact_unknown``,
            ``artefact_missing`` or ``artefact_altered``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._checked: set[str] = set()
        self._lock = threading.Lock()

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The manifest: ``{"version": str, "files": {name: {"sha256", "bytes", "source", …}}}``."""
        path = self.folder / MANIFEST
        try:
            manifest: Any = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise ArtefactError("manifest_missing", f"{path} does not exist") from None
        except ValueError as error:
            raise ArtefactError("manifest_invalid", f"{path} is not JSON: {error}") from None
        files = manifest.get("files") if isinstance(manifest, dict) else None
        if not isinstance(files, dict) or "version" not in manifest:
            raise ArtefactError("manifest_invalid", f"{path} has no 'version' or no table 'files'")
        if not all(isinstance(entry, dict) and "sha256" in entry for entry in files.values()):
            raise ArtefactError("manifest_invalid", f"{path} names a file without its 'sha256'")
        found: dict[str, Any] = manifest
        return found

    @property
    def version(self) -> str:
        """The release of the models, year and month, such as ``2026.11``."""
        return str(self.manifest["version"])

    def entry(self, name: str) -> dict[str, Any]:
        """The manifest's lines on one file."""
        try:
            entry: dict[str, Any] = self.manifest["files"][name]
        except KeyError:
            raise ArtefactError("artefact_unknown", f"the manifest has no file {name!r}") from None
        return entry

    def digest(self, *names: str) -> str:
        """One SHA-256 over the named files' own, in the order given."""
        joined = "\n".join(str(self.entry(name)["sha256"]) for name in names)
        return hashlib.sha256(joined.encode()).hexdigest()

    def path(self, name: str) -> Path:
        """The path of a file whose content was found to be what the manifest says."""
        entry = self.entry(name)
        path = self.folder / name
        with self._lock:
            if name not in self._checked:
                if not path.is_file():
                    raise ArtefactError("artefact_missing", f"{path} does not exist")
                if sha256_of(path) != entry["sha256"]:
                    raise ArtefactError(
                        "artefact_altered", f"{path} is not the file the manifest names (SHA-256)"
                    )
                self._checked.add(name)
        return path

    def check(self) -> None:
        """Reads every file that the manifest names; the first that is missing or altered is raised."""
        for name in self.manifest["files"]:
            self.path(name)

    def read_json(self, name: str) -> dict[str, Any]:
        """A checked JSON file's object."""
        content: dict[str, Any] = json.loads(self.path(name).read_text("utf-8"))
        return content
