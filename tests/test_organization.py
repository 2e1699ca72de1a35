"""Departments and touchpoints: edited without code, checked when read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from voc.errors import SettingsError
from voc.organization import Organization
from voc.records import BASE_DEPARTMENTS, TOUCHPOINTS

Write = Callable[..., Path]


def department(key: str, covers: str = "", name: str = "Tên") -> str:
    names = f'name = {{ vi = "{name}", en = "Name" }}\nremit = {{ vi = "Việc", en = "Work" }}\n'
    return f'[[departments]]\nkey = "{key}"\n{names}{covers}\n'


STAGES = "[touchpoints]\n" + "".join(f'{key} = {{ vi = "Chặng", en = "Stage" }}\n' for key in TOUCHPOINTS)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes an organization file out of its parts."""

    def file(*parts: str) -> Path:
        path = tmp_path / "organization.toml"
        path.write_text("\n".join(parts), "utf-8")
        return path

    return file


def test_the_shipped_organization_covers_every_field_once(root: Path) -> None:
    shipped = Organization.read(root / "organization.toml")
    assert tuple(shipped.by_key) == BASE_DEPARTMENTS
    assert shipped.department_of_field == {key: key for key in BASE_DEPARTMENTS}
    assert set(shipped.touchpoints) == set(TOUCHPOINTS)
    assert shipped.by_key["logistics"].name.model_dump() == {"vi": "Giao vận", "en": "Logistics"}


def test_departments_are_renamed_merged_added_and_removed(write: Write) -> None:
    path = write(
        department("front", 'covers = ["sales", "marketing"]'),
        department("care"),
        department("legal"),
        department("idle", "covers = []"),
        STAGES,
        '[topics]\ndelivery-late = "legal"',
    )
    found = Organization.read(path)
    assert list(found.by_key) == ["front", "care", "legal", "idle"]
    assert found.department_of_field == {"sales": "front", "marketing": "front", "care": "care"}
    assert found.by_key["legal"].fields_of_work == ()
    assert found.topics == {"delivery-late": "legal"}


def test_the_digest_follows_routing_and_not_names(write: Write) -> None:
    def digest(*parts: str) -> str:
        return Organization.read(write(*parts)).digest

    late, rude = 'delivery-late = "care"', 'rude = "sales"'
    first = digest(department("care"), department("sales"), STAGES, "[topics]", late, rude)
    renamed = digest(department("sales"), department("care", name="Khác"), STAGES, "[topics]", rude, late)
    uncovered = digest(department("care", "covers = []"), department("sales"), STAGES, "[topics]", late, rude)
    without = digest(department("care"), department("sales"), STAGES)
    assert renamed == first
    assert len({first, uncovered, without}) == 3


@pytest.mark.parametrize(
    ("parts", "said", "field"),
    [
        ((department("care"), department("care", "covers = []"), STAGES), "each key may stand once", None),
        ((department("a", 'covers = ["law"]'), STAGES), "covers: must be of", None),
        ((department("a", 'covers = ["care"]'), department("care"), STAGES), "covered by two", None),
        ((department("a", 'covers = ["care", "care"]'), STAGES), "covered by two", None),
        ((department("care"), STAGES.replace("pay =", "spend =")), "touchpoints: must name exactly", None),
        ((department("care"), STAGES, '[topics]\nx = "law"'), "no department has the key law", None),
        ((department("Care"), STAGES), "pattern", "departments.0.key"),
        ((department("a_b"), STAGES), "pattern", "departments.0.key"),
        ((department("care", name=""), STAGES), "at least 1 character", "departments.0.name.vi"),
        ((department("care", "cover = []"), STAGES), "Extra inputs", "departments.0.cover"),
        ((department("care"), STAGES, "[extra]"), "Extra inputs", "extra"),
        (("departments = []", STAGES), "at least 1 item", "departments"),
        ((STAGES,), "Field required", "departments"),
        ((department("care"),), "Field required", "touchpoints"),
        (("key = ",), "Invalid value", None),
    ],
)
def test_what_does_not_fit_is_refused(
    write: Write, parts: tuple[str, ...], said: str, field: str | None
) -> None:
    path = write(*parts)
    with pytest.raises(SettingsError) as caught:
        Organization.read(path)
    assert (caught.value.code, caught.value.field) == ("organization_invalid", field)
    assert said in caught.value.message
    assert str(path) in caught.value.message


def test_a_file_that_is_not_there_or_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        Organization.read(tmp_path / "none.toml")
    assert caught.value.code == "organization_missing"
    path = tmp_path / "latin.toml"
    path.write_bytes('name = "Giá"'.encode("latin-1"))
    with pytest.raises(SettingsError) as caught:
        Organization.read(path)
    assert caught.value.code == "organization_invalid"
