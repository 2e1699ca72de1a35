"""The page of files: what is asked before anything is kept, how far it is, who sees it."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from voc.cli.shared import the_user
from voc.services import Services
from voc.store import Filter

CSV = "Ngày;Nội dung;NPS\n03/04/2026;Giao hàng trễ ba ngày;2\n04/04/2026;Nhân viên nhiệt tình;11\n".encode()
EN = {"Accept-Language": "en"}


@pytest.fixture
def upload(services: Services) -> str:
    """A file that waits."""
    return services.uploads.take("khao-sat.csv", CSV, None, author=f"command:{the_user()}").id


def chosen(page: str, field: str) -> str | None:
    found = re.search(rf'name="column\.{field}".*?</select>', page, re.DOTALL)
    assert found, field
    option = re.search(r'<option value="([^"]*)" selected', found[0])
    return option[1] if option else None


def test_an_empty_installation_is_told_so(client: FlaskClient) -> None:
    page = client.get("/data", headers=EN).text
    assert "No file was brought yet." in page
    assert "History was not judged again yet." in page
    assert "0 feedback with their analyses" in page


def test_columns_are_suggested_and_rows_shown(client: FlaskClient, upload: str, services: Services) -> None:
    page = client.get(f"/data/{upload}", headers=EN).text
    assert (chosen(page, "text"), chosen(page, "occurred_at")) == ("Nội dung", "Ngày")
    assert chosen(page, "external_id") is None
    assert "Giao hàng trễ ba ngày" in page
    assert "3 Apr 2026" in page
    assert "scores.nps: Input should be less than or equal to 10" in page
    assert services.store.count(Filter()) == 0


def test_another_mapping_is_shown_before_it_is_used(client: FlaskClient, upload: str) -> None:
    asked = "column.text=Nội dung&dates=month-first&from-source=q3"
    page = client.get(f"/data/{upload}?{asked}", headers=EN).text
    assert (chosen(page, "text"), chosen(page, "occurred_at")) == ("Nội dung", None)
    assert 'value="month-first" selected' in page
    assert 'name="from-source" value="q3"' in page
    page = client.get(f"/data/{upload}?column.text=Chữ&dates=day-first", headers=EN).text
    assert "there is no column &#39;Chữ&#39; for text" in page


@pytest.mark.parametrize("name", ["_scheme", "_external", "_anchor", "_method", "endpoint", "page", "state"])
def test_what_is_no_parameter_of_a_file_is_put_into_no_link(
    client: FlaskClient, upload: str, name: str
) -> None:
    page = client.get(f"/data/{upload}?{name}=javascript&_external=true", headers=EN)
    assert page.status_code == 422
    assert "javascript:" not in page.text
    assert f"{name} is no parameter of this page" in page.text


def test_a_file_that_was_read_says_what_became_of_it(
    client: FlaskClient, upload: str, services: Services
) -> None:
    mapping = {"text": "Nội dung", "scores.nps": "NPS"}
    assert client.post(f"/v1/uploads/{upload}/start", json={"mapping": mapping}).status_code == 202
    assert 'data-upload="' in client.get("/data").text
    services.uploads.read_next()
    page = client.get(f"/data/{upload}", headers=EN).text
    assert re.search(r'data-of="created">1<', page)
    assert re.search(r'data-of="bad">1<', page)
    assert '<progress max="2" value="2"' in page
    assert "Rows that were refused" in page
    listed = client.get("/data", headers={"Accept-Language": "vi"}).text
    assert "khao-sat.csv" in listed
    assert "1 phản hồi kèm phân tích" in listed
    assert "data-upload" not in listed  # nothing is watched that is done


def test_what_is_taken_out_follows_the_filter(client: FlaskClient) -> None:
    page = client.get("/data?department=care&from=2026-01-01").text
    assert "/v1/export?format=csv&amp;department=care&amp;from=2026-01-01" in page


def test_without_dates_all_is_taken_out_and_said_so(client: FlaskClient) -> None:
    assert "All times" in client.get("/data", headers=EN).text
