"""Model files: handed out only when they are what the manifest says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from voc.artefacts import Artefacts, sha256_of
from voc.errors import ArtefactError

ONE = b'{"one": 1}'
TWO = b"\x00\x01"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files and their manifest."""
    files = {"a.json": ONE, "b.bin": TWO}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    write_manifest(
        tmp_path,
        {"version": "2026.11", "files": {name: {"sha256": sha(body)} for name, body in files.items()}},
    )
    return tmp_path


def write_manifest(folder: Path, content: Any) -> None:
    (folder / "manifest.json").write_text(json.dumps(content), "utf-8")


def refusal(artefacts: Artefacts, name: str = "a.json") -> str:
    with pytest.raises(ArtefactError) as caught:
        artefacts.path(name)
    return caught.value.code


def test_a_checked_file_is_handed_out(folder: Path) -> None:
    artefacts = Artefacts(folder)
    assert artefacts.version == "2026.11"
    assert artefacts.path("b.bin") == folder / "b.bin"
    assert artefacts.read_json("a.json") == {"one": 1}
    assert artefacts.entry("b.bin") == {"sha256": sha(TWO)}


def test_the_sha256_of_a_file(folder: Path) -> None:
    assert sha256_of(folder / "b.bin") == sha(TWO)


def test_a_digest_is_of_the_named_files_in_order(folder: Path) -> None:
    artefacts = Artefacts(folder)
    expected = sha(f"{sha(ONE)}\n{sha(TWO)}".encode())
    assert artefacts.digest("a.json", "b.bin") == expected
    assert artefacts.digest("b.bin", "a.json") != expected
    assert artefacts.digest("a.json") == sha(sha(ONE).encode())


def test_an_altered_file_is_refused(folder: Path) -> None:
    (folder / "a.json").write_bytes(b'{"one": 2}')
    assert refusal(Artefacts(folder)) == "artefact_altered"
    with pytest.raises(ArtefactError):
        Artefacts(folder).read_json("a.json")


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "a.json").unlink()
    assert refusal(Artefacts(folder)) == "artefact_missing"


def test_a_file_that_the_manifest_does_not_name_is_refused(folder: Path) -> None:
    (folder / "c.json").write_bytes(b"{}")
    artefacts = Artefacts(folder)
    assert refusal(artefacts, "c.json") == "artefact_unknown"
    assert refusal(artefacts, "../a.json") == "artefact_unknown"
    with pytest.raises(ArtefactError, match=r"no file .c\.json"):
        artefacts.digest("a.json", "c.json")


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path / "nowhere")
    assert refusal(artefacts) == "manifest_missing"
    with pytest.raises(ArtefactError, match="nowhere"):
        _ = artefacts.version


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"[]", b"{}", b'{"files": []}'])
def test_an_unreadable_manifest_is_refused(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    assert refusal(Artefacts(folder)) == "manifest_invalid"


def test_a_manifest_without_a_version_is_refused(folder: Path) -> None:
    write_manifest(folder, {"files": {}})
    with pytest.raises(ArtefactError) as caught:
        _ = Artefacts(folder).version
    assert caught.value.code == "manifest_invalid"


@pytest.mark.parametrize("entry", [{}, None, "abc"])
def test_an_entry_without_a_digest_is_refused(folder: Path, entry: Any) -> None:
    write_manifest(folder, {"version": "1", "files": {"a.json": entry}})
    assert refusal(Artefacts(folder)) == "manifest_invalid"
