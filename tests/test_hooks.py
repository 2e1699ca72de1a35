"""What tools send: payloads written after their documentation, signed as they sign, posted to the service."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from voc import rights
from voc.app import create_app
from voc.errors import InvalidInput, SettingsError, Unauthorized
from voc.hooks import TOOLS, WINDOW_S, Kind, Mapping, Taken, read, read_hooks, shipped, verify
from voc.markup import html_to_text, is_html, mail_code, without_quotes
from voc.organization import Organization
from voc.pipeline import Pipeline
from voc.services import Services
from voc.settings import Settings
from voc.store import Filter, Store

DATA = Path(__file__).parent / "data" / "hooks"
SECRET = "a secret of the hook"  # noqa: S105
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NO_TEXT = "the payload holds no text of a customer"
Json = dict[str, Any]


def payload(name: str, **changes: Any) -> Json:
    """A payload of the folder; ``changes`` are set by path, such as ``event__comment__is_public``."""
    content: Json = json.loads((DATA / f"{name}.json").read_text("utf-8"))
    for path, value in changes.items():
        place: Any = content
        *parents, last = path.split("__")
        for parent in parents:
            place = place[parent]
        place[last] = value
    return content


def rows(tool: str, content: Any, questions: Any = None) -> list[Json]:
    taken = read(content, shipped(tool), questions)
    assert taken.ignored is None
    return list(taken.rows)


def ignored(tool: str, content: Any) -> str | None:
    taken = read(content, shipped(tool))
    assert taken.rows == ()
    return taken.ignored


def refusal(tool: str, content: Any) -> tuple[str, str | None]:
    with pytest.raises(InvalidInput) as caught:
        read(content, shipped(tool))
    return caught.value.code, caught.value.field


# ---- what is read of each tool's payload


def test_zendesk_comment() -> None:
    assert rows("zendesk", payload("zendesk")) == [
        {
            "text": "Giao hàng trễ ba ngày không báo, gọi tổng đài không ai nghe.",
            "source": "zendesk", "external_id": "9876543210",
            "occurred_at": "2026-11-20T02:15:00.672717+00:00", "channel": "email",
            "customer_ref": "8447388090494", "scores": {},
            "attributes": {
                "ticket": "5158", "subject": "Đơn hàng đến trễ", "priority": "HIGH", "ticket_status": "OPEN",
                "tags": "delivery, vip",
            },
        }
    ]  # fmt: skip


def test_zendesk_trigger() -> None:
    content = payload("zendesk-trigger")
    digest = hashlib.sha256(content["text"].encode()).hexdigest()[:16]
    (row,) = rows("zendesk", content)
    assert row == {
        "text": "I still wait for my refund.", "source": "zendesk", "external_id": f"5158/{digest}",
        "occurred_at": "2026-11-20T02:15:00+00:00", "channel": "Web Form", "customer_ref": "crm-77",
        "scores": {}, "attributes": {"ticket": "5158", "subject": "Refund"},
    }  # fmt: skip


def test_freshdesk() -> None:
    (row,) = rows("freshdesk", payload("freshdesk"))
    text = "Shop ơi, hai tuần rồi & vẫn chưa hoàn tiền.\nBao giờ có?"
    assert row == {
        "text": text, "source": "freshdesk",
        "external_id": f"412/{hashlib.sha256(text.encode()).hexdigest()[:16]}",
        "channel": "Email", "customer_ref": mail_code("khach@example.com"), "scores": {},
        "attributes": {"ticket": 412, "subject": "Hoàn tiền"},
    }  # fmt: skip
    created = payload("freshdesk", event="ticket_created")
    assert [row["external_id"] for row in rows("freshdesk", created)] == ["412"]
    simple = {"freshdesk_webhook": {"ticket_id": 3, "ticket_description": "<p>It does not start.</p>"}}
    assert [row["text"] for row in rows("freshdesk", simple)] == ["It does not start."]


def test_chatwoot() -> None:
    (row,) = rows("chatwoot", payload("chatwoot"))
    assert row == {
        "text": "App cứ đăng xuất hoài, mất hết giỏ hàng", "source": "chatwoot", "external_id": "1402",
        "occurred_at": "2026-11-20T02:15:57+00:00", "channel": "WebWidget", "customer_ref": "7",
        "scores": {}, "attributes": {"inbox": "Website", "conversation": 23},
    }  # fmt: skip
    survey = payload("chatwoot", event="message_updated", content_type="input_csat", message_type="template")
    survey["content_attributes"] = {
        "submitted_values": {"csat_survey_response": {"rating": 2, "feedback_message": "Chậm quá"}}
    }
    (row,) = rows("chatwoot", survey)
    assert (row["text"], row["scores"], row["external_id"]) == ("Chậm quá", {"csat": 2}, "1402")


def test_intercom() -> None:
    (row,) = rows("intercom", payload("intercom"))
    assert row == {
        "text": "The voucher code is not accepted & nobody answers.\n\nThird time!", "source": "intercom",
        "external_id": "1295/4412", "occurred_at": "2026-11-20T02:14:50+00:00", "channel": "conversation",
        "customer_ref": "5310d8e7598c9a0b24000002", "scores": {}, "attributes": {"conversation": "1295"},
    }  # fmt: skip
    (row,) = rows("intercom", payload("intercom", topic="conversation.user.created"))
    assert (row["text"], row["external_id"]) == ("Hello", "1295/1000")
    (row,) = rows("intercom", payload("intercom-rating"))
    assert (row["text"], row["scores"], row["external_id"]) == ("Answered late", {"csat": 2}, "1295/rating")
    assert (row["channel"], row["customer_ref"]) == ("email", "c-5")


def test_formbricks() -> None:
    first, second = rows("formbricks", payload("formbricks"))
    assert first == {
        "text": "Thanh toán hay lỗi, phải thử lại nhiều lần", "source": "formbricks",
        "external_id": "cm8x31w2v000dl508f0a7qk1m/why", "occurred_at": "2026-11-20T02:15:00+00:00",
        "channel": "survey", "customer_ref": "u-42", "scores": {"nps": 3},
        "attributes": {
            "survey": "After payment", "url": "https://shop.example.com/pay", "language": "vi",
        },
    }  # fmt: skip
    assert (second["text"], second["scores"]) == ("Please let me pay by card.", {"nps": 3})


def test_questions_of_the_settings_decide_alone() -> None:
    asked = {"plan": "text", "improve": "none", "features": "attribute", "nps-store": "ces"}
    (row,) = rows("formbricks", payload("formbricks"), asked)
    assert (row["text"], row["scores"]) == ("Gold", {"ces": 3})
    assert row["attributes"]["features"] == "Search, Pay"
    (row,) = rows("typeform", payload("typeform"), {"name": "text", "Which branch?": "attribute"})
    assert (row["text"], row["external_id"]) == ("Laura", "a3a12ec67a1365927098a606107fac15/JwWggjAKtOkA")
    assert row["attributes"] == {
        "question": "Your first name?", "form": "After delivery", "Which branch?": "Hà Nội"
    }  # fmt: skip


def test_typeform() -> None:
    first, second = rows("typeform", payload("typeform"))
    assert first == {
        "text": "Giao nhầm địa chỉ hai lần.", "source": "typeform",
        "external_id": "a3a12ec67a1365927098a606107fac15/DlXFaesGBpoF",
        "occurred_at": "2026-11-20T02:15:02+00:00", "channel": "survey", "customer_ref": "abc123456",
        "scores": {"nps": 2, "csat": 1},
        "attributes": {
            "question": "What went wrong?", "form": "After delivery", "Which branch?": "Hà Nội",
            "Was it complete?": False,
        },
    }  # fmt: skip
    assert (second["text"], second["attributes"]["question"]) == ("The box was open.", "Anything else?")


def test_google_forms() -> None:
    (row,) = rows("google-forms", payload("google-forms"))
    assert row == {
        "text": "Nhân viên thân thiện, đóng gói kỹ", "source": "google-forms",
        "external_id": "2_ABaOnuc1/103", "occurred_at": "2026-11-20T02:15:00+00:00", "channel": "survey",
        "scores": {"nps": 9, "csat": 4},
        "attributes": {"question": "Vì sao?", "form": "Sau khi mua", "Chi nhánh": "Quận 1"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "content", "reason"),
    [
        ("zendesk", payload("zendesk", event__comment__is_public=False), "the comment is an internal note"),
        (
            "zendesk", payload("zendesk", event__comment__author={"is_staff": True}),
            "the comment is an agent's",
        ),
        ("zendesk", payload("zendesk", event__comment__body=" "), NO_TEXT),
        (
            "zendesk", payload("zendesk", type="zen:event-type:ticket.created"),
            "the first message of a ticket comes as ticket.comment_added",
        ),
        ("chatwoot", payload("chatwoot", message_type="outgoing"), "the message is not a customer's"),
        ("chatwoot", payload("chatwoot", private=True), "the message is a private note"),
        (
            "chatwoot", payload("chatwoot", event="conversation_created"),
            "the event conversation_created is not taken",
        ),
        ("chatwoot", payload("chatwoot", content=None), NO_TEXT),
        ("intercom", {"topic": "ping", "data": {"item": {"type": "ping"}}}, "it is a test of the connection"),
        (
            "intercom",
            payload("intercom", topic="conversation.user.created", data__item__source__author={"type": "x"}),
            "the message is not a customer's",
        ),
        ("formbricks", payload("formbricks", event="responseCreated"), "the response is not finished"),
        ("formbricks", payload("formbricks", data__data={"nps": 9}), NO_TEXT),
        (
            "typeform", payload("typeform", event_type="form_response_partial"),
            "the response is not finished",
        ),
        ("typeform", payload("typeform", form_response__answers=None), NO_TEXT),
        ("google-forms", payload("google-forms", items=[]), NO_TEXT),
    ],
)  # fmt: skip
def test_what_is_left_out_and_why(tool: str, content: Any, reason: str) -> None:
    assert ignored(tool, content) == reason


@pytest.mark.parametrize(
    ("tool", "content", "expected"),
    [
        ("zendesk", {}, ("field_missing", "type || (ticket_id && 'trigger')")),
        ("zendesk", payload("zendesk", event={}), ("field_missing", "event.comment.is_public")),
        ("zendesk", payload("zendesk", event__comment__id=None), ("field_missing", "event.comment.id")),
        ("zendesk", payload("zendesk", event__comment__body=["x"]), ("field_invalid", "event.comment.body")),
        ("zendesk", payload("zendesk", time="yesterday"), ("field_invalid", "time")),
        ("chatwoot", payload("chatwoot", id=True), ("field_invalid", "id")),
        ("chatwoot", payload("chatwoot", event=5), ("field_invalid", "event")),
        (
            "intercom", payload("intercom", data__item__id=None),
            ("field_missing", "[payload.data.item.id, item.id]"),
        ),
        ("formbricks", payload("formbricks", data__data="x y"), ("field_invalid", "pairs(data.data)")),
        (
            "typeform", payload("typeform", form_response__token=""),
            ("field_invalid", "form_response.token"),
        ),
        (
            "typeform", payload("typeform", form_response__answers={}),
            ("field_invalid", "form_response.answers"),
        ),
        ("google-forms", payload("google-forms", responseId=None), ("field_missing", "responseId")),
    ],
)  # fmt: skip
def test_what_is_malformed_is_named_by_its_place(tool: str, content: Any, expected: Any) -> None:
    assert refusal(tool, content) == expected


def test_every_shipped_mapping_names_its_source() -> None:
    assert TOOLS == (
        "zendesk", "freshdesk", "chatwoot", "intercom", "formbricks", "typeform", "google-forms", "generic"
    )  # fmt: skip
    for tool in TOOLS[:-1]:
        assert shipped(tool).source == tool
        assert shipped(tool).documentation


NAMES = (
    "event", "type", "topic", "event_type", "data", "item", "id", "text", "content", "message_type",
    "private", "conversation", "source", "body", "author", "conversation_parts", "is_public", "comment",
    "is_staff", "form_response", "answers", "field", "definition", "fields", "token", "detail", "items",
    "responseId", "answer", "title", "lower", "upper", "number", "choice", "ticket_id", "time", "created_at",
    "sender",
)  # fmt: skip
EVENTS = (
    "message_created", "message_updated", "incoming", "input_csat", "response", "form_response", "user",
    "responseFinished", "conversation.user.replied", "conversation.user.created", "conversation.rating.added",
    "zen:event-type:ticket.comment_added", "ticket_created", "customer_replied", "PARAGRAPH_TEXT",
    "long_text",
)  # fmt: skip
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(EVENTS),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=40,
)


def outcome_of(tool: str, content: Any) -> Taken | InvalidInput:
    try:
        return read(content, shipped(tool))
    except InvalidInput as error:
        return error


@hypothesis_settings(max_examples=300, deadline=None)
@given(ANY_JSON)
def test_any_json_gives_rows_or_a_reason_or_a_refusal(content: Any) -> None:
    for tool in TOOLS[:-1]:
        outcome = outcome_of(tool, content)
        if isinstance(outcome, Taken):
            assert bool(outcome.rows) == (outcome.ignored is None)
        else:
            assert outcome.field


@st.composite
def _damaged(draw: st.DrawFn) -> tuple[str, Any]:
    """A good payload with any JSON in one place of it."""
    tool = draw(st.sampled_from(TOOLS[:-1]))
    content = payload(tool)
    place: Any = content
    while True:
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else list(range(len(place)))))
        if isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
            place = place[key]
        else:
            place[key] = draw(ANY_JSON)
            return tool, content


@hypothesis_settings(max_examples=400, deadline=None)
@given(_damaged())
def test_a_damaged_payload_gives_rows_or_a_reason_or_a_refusal(damaged: tuple[str, Any]) -> None:
    outcome = outcome_of(*damaged)
    if isinstance(outcome, InvalidInput):
        assert outcome.field
        return
    for row in outcome.rows:
        assert row["text"].strip()
        assert row["external_id"]
        assert all(type(score) is int for score in row["scores"].values())


def test_values_are_made_to_fit() -> None:
    odd = payload("formbricks", data__data={"nps": 11, "csat": 4.5, "ces": 7.0, "why": "hai từ"})
    (row,) = rows("formbricks", odd)
    assert row["scores"] == {"ces": 7}
    tags = ["a", {"b": 1}, 2, None]
    long = payload("zendesk", detail__subject="x" * 5_000, detail__tags=tags, detail__id=None)
    (row,) = rows("zendesk", long)
    assert (len(row["attributes"]["subject"]), row["attributes"]["tags"]) == (1_000, "a, 2")
    assert "ticket" not in row["attributes"]
    (row,) = rows("chatwoot", payload("chatwoot", created_at=1795140957))
    assert row["occurred_at"] == "2026-11-20T02:15:57+00:00"
    (row,) = rows("chatwoot", payload("chatwoot", created_at=1795140957000))
    assert row["occurred_at"] == "2026-11-20T02:15:57+00:00"


# ---- HTML and quotations


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Một</p><p>Hai<br>ba</p>", "Một\n\nHai\nba"),
        ("<ul><li>a</li><li>b</li></ul>c", "- a\n- b\n\nc"),
        ("<style>p{}</style><script>x()</script>Tom &amp; Jerry&nbsp;&lt;3", "Tom & Jerry <3"),
        ("a<blockquote>old<br>er</blockquote>b", "a\n> old\n> er\n\nb"),
        ("<pre>x\n  y</pre>", "x\n  y"),
        ("  <div> a   <b>b</b>\n c</div>  ", "a b c"),
        ("<!-- x --><![CDATA[y]]><?php z ?>1 < 2", "1 < 2"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
    ],
)
def test_html_becomes_text(html: str, text: str) -> None:
    assert html_to_text(html) == text


def test_what_is_no_html_is_left() -> None:
    for text in ("x < 3 và y > 2", "<3 shop", "giá<5tr", "A&B", "a <- b -> c"):
        assert not is_html(text)
    assert is_html("a<br>b")
    assert is_html("A&amp;B")


@pytest.mark.parametrize(
    "part", ["<!--", "<![", "<a ", "</", "<?", "<", "<div>", "&#", "<script>", "--><!--"]
)
def test_html_made_to_be_slow_is_not(part: str) -> None:
    started = time.process_time()
    html_to_text(part * (200_000 // len(part)))
    assert time.process_time() - started < 5


def test_html_beyond_measure_is_refused() -> None:
    with pytest.raises(ValueError, match="1,000,000"):
        html_to_text("x" * 1_000_001)


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("Mới\n\nOn 3 Nov 2026 at 10:00, A <a@b.vn> wrote:\n> cũ\n> hơn\nDưới", "Mới\n\nDưới"),
        ("Mới\nVào Th 5, 19 thg 11, 2026 vào lúc 10:15 A <a@b.vn>\nđã viết:\n\ncũ", "Mới"),
        ("Mới\n-----Original Message-----\ncũ", "Mới"),
        ("Mới\nFrom: A\nSent: Monday\nTo: B\ncũ", "Mới"),
        ("Mới\nTừ: A\nĐã gửi: Thứ hai\ncũ", "Mới"),
        ("Mới\n-- \nLan\nPhòng mua hàng", "Mới"),
        ("Mới\n\nSent from my iPhone", "Mới"),
        ("Mới\n\nGửi từ iPhone của tôi", "Mới"),
        (">_< chán quá\n-> trả hàng\n--\nOn time, he wrote:\nno", None),
        ("Vào ngày 3 nhân viên đã viết:\ngiao trong 2 ngày", None),
        ("From: Hà Nội\nvẫn chưa nhận", None),
    ],
)
def test_quotations_are_cut_where_unmistakable(text: str, own: str | None) -> None:
    assert without_quotes(text) == (text if own is None else own)


def test_a_mail_code_is_the_same_for_the_same_address() -> None:
    assert mail_code("A@b.vn ") == mail_code("a@B.vn") == "mail:" + hashlib.sha256(b"a@b.vn").hexdigest()[:16]


# ---- signatures


def signed(tool: str, body: bytes, secret: str, at: float) -> dict[str, str]:
    """The headers that the tool sends with a body, as its documentation has it."""
    key, seconds = secret.encode(), str(int(at))

    def of(content: bytes, algorithm: str = "sha256") -> bytes:
        return hmac.new(key, content, algorithm).digest()

    if tool == "zendesk":
        stamp = datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        signature = base64.b64encode(of(stamp.encode() + body)).decode()
        return {"X-Zendesk-Webhook-Signature": signature, "X-Zendesk-Webhook-Signature-Timestamp": stamp}
    if tool == "intercom":
        return {"X-Hub-Signature": "sha1=" + of(body, "sha1").hex()}
    if tool == "typeform":
        return {"Typeform-Signature": "sha256=" + base64.b64encode(of(body)).decode()}
    if tool == "formbricks":
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signature = base64.b64encode(of(b"msg_1." + seconds.encode() + b"." + body)).decode()
        offered = f"v1a,x v1,{signature}"
        return {"webhook-id": "msg_1", "webhook-timestamp": seconds, "webhook-signature": offered}
    prefix = {"chatwoot": "X-Chatwoot"}.get(tool, "X-Voc")
    signature = "sha256=" + of(seconds.encode() + b"." + body).hex()
    return {f"{prefix}-Timestamp": seconds, f"{prefix}-Signature": signature}


SIGNING = ("zendesk", "chatwoot", "intercom", "formbricks", "typeform", "google-forms", "generic")
TIMED = ("zendesk", "chatwoot", "formbricks", "google-forms", "generic")


def secret_of(tool: str) -> str:
    return WHSEC if tool == "formbricks" else SECRET


def code(tool: str, headers: dict[str, str], body: bytes, now: float, *secrets: str) -> str:
    with pytest.raises(Unauthorized) as caught:
        verify(tool, secrets or [secret_of(tool)], headers, body, now)
    assert caught.value.field in {name.lower() for name in headers} or "missing" in caught.value.code
    return caught.value.code


@pytest.mark.parametrize("tool", SIGNING)
def test_a_signature_is_right_or_not(tool: str) -> None:
    now, body = 1_795_140_900.0, '{"text": "được"}'.encode()
    headers = signed(tool, body, secret_of(tool), now)
    told = verify(tool, [secret_of(tool)], headers, body, now)
    assert (told.digest is not None) == (tool in TIMED)
    assert verify(tool, [secret_of(tool)], {k.upper(): v for k, v in headers.items()}, body, now) == told
    other = "whsec_" + base64.b64encode(b"another secret").decode()
    assert verify(tool, [other, secret_of(tool)], headers, body, now) == told  # while secrets change over
    assert code(tool, headers, body + b" ", now) == "signature_wrong"
    assert code(tool, headers, body, now, other) == "signature_wrong"
    for name in headers:
        assert code(tool, {k: v for k, v in headers.items() if k != name}, body, now) == "signature_missing"
        assert code(tool, headers | {name: "ế"}, body, now) == "signature_wrong"


@pytest.mark.parametrize("tool", TIMED)
def test_a_signed_time_holds_five_minutes_either_way(tool: str) -> None:
    at, body = 1_795_140_900.0, b"{}"
    headers = signed(tool, body, secret_of(tool), at)
    for now in (at - WINDOW_S, at + WINDOW_S):
        verify(tool, [secret_of(tool)], headers, body, now)
    for now in (at - WINDOW_S - 1, at + WINDOW_S + 1):
        assert code(tool, headers, body, now) == "signature_expired"


def test_the_vector_of_standard_webhooks() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }  # fmt: skip
    assert verify("formbricks", [WHSEC], headers, b'{"test": 2432232314}', 1614265330).digest


# ---- settings


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    path.chmod(0o600)
    return path


GENERIC = {
    "secret": SECRET,
    "mapping": {
        "text": "comment.body", "external_id": "comment.id", "html": True, "scores": {"nps": "score"},
        "attributes": {"store": "shop.name"},
        "only": [{"when": "kind", "equals": "review", "otherwise": "no review"}],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ([], "must hold a JSON object"),
        ({"zendisk": {}}, "zendisk: is no hook"),
        ({"generic/A B": GENERIC}, "generic/A B: is no hook"),
        ({"zendesk": {"secrets": "x"}}, "zendesk.secrets: Extra inputs"),
        ({"zendesk": {"secret": "short"}}, "zendesk.secret: a secret has at least 8 characters"),
        ({"zendesk": {"secret": []}}, "zendesk.secret: give at least one"),
        ({"freshdesk": {"secret": SECRET}}, "freshdesk.secret: freshdesk signs nothing"),
        ({"formbricks": {"secret": "whsec_not base64!"}}, "formbricks.secret: what follows whsec_"),
        ({"chatwoot": {"questions": {"q": "text"}}}, "chatwoot.questions: goes with forms"),
        ({"typeform": {"questions": {"q": "nothing"}}}, "typeform.questions.q: Input should be 'text'"),
        ({"generic": {"secret": SECRET}}, "generic.mapping: is needed"),
        ({"zendesk": {"mapping": {"text": "a", "external_id": "b"}}}, "zendesk.mapping: is ours"),
        ({"generic": {"mapping": {"text": "a"}}}, "generic.mapping.external_id: Field required"),
        ({"generic": {"mapping": {"external_id": "a"}}}, "generic.mapping: give either text or answers"),
        (
            {"generic": {"mapping": {"text": "a[", "external_id": "b"}}},
            "generic.mapping.text: 'a[' is no JMESPath expression",
        ),
        (
            {"generic": {"mapping": {"text": "frob(a)", "external_id": "b"}}},
            "generic.mapping.text: 'frob(a)' calls frob(), which there is not",
        ),
    ],
)
def test_a_file_that_is_wrong_says_where(content: Any, said: str, tmp_path: Path) -> None:
    path = write(tmp_path / "hooks.json", content)
    with pytest.raises(SettingsError) as caught:
        read_hooks(path)
    assert caught.value.code == "setting_invalid"
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert SECRET not in caught.value.message


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_hooks(tmp_path / "none.json")


def test_a_file_that_others_can_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "hooks.json", {"zendesk": {"secret": SECRET}})
    read_hooks(path)
    assert caplog.messages == []
    path.chmod(0o640)
    assert SECRET not in repr(read_hooks(path).given["zendesk"])
    assert "may be read by others" in caplog.text
    assert SECRET not in caplog.text


def test_a_mapping_of_ones_own(tmp_path: Path) -> None:
    hooks = read_hooks(write(tmp_path / "hooks.json", {"generic": GENERIC, "generic/shop-reviews": GENERIC}))
    content: Json = {
        "kind": "review", "comment": {"id": 5, "body": "Ngon &amp; rẻ"}, "score": 10, "shop": {"name": "Q1"}
    }  # fmt: skip
    for name, source in (("generic", "generic"), ("generic/shop-reviews", "shop-reviews")):
        found = hooks.find(name)
        assert found is not None
        row = {
            "text": "Ngon & rẻ", "source": source, "external_id": "5", "scores": {"nps": 10},
            "attributes": {"store": "Q1"},
        }  # fmt: skip
        assert read(content, found[1]) == Taken((row,))
        assert read(content | {"kind": "order"}, found[1]) == Taken(ignored="no review")
    assert hooks.find("generic/other") is None


# ---- the service


@pytest.fixture
def hooked(tmp_path: Path, pipeline: Pipeline) -> Iterator[FlaskClient]:
    """A client of an application that knows every tool's secret."""
    secrets: Json = {tool: {"secret": SECRET} for tool in SIGNING}
    secrets |= {"formbricks": {"secret": ["whsec_" + "A" * 12, WHSEC]}, "generic": GENERIC}
    path = write(tmp_path / "hooks.json", secrets)
    app = create_app(Settings(db=tmp_path / "voc.db", hooks=path))
    services: Services = app.extensions["voc"]
    services.pipelines.use(pipeline)
    yield app.test_client()
    services.store.close()


def post(
    client: FlaskClient, tool: str, content: Any, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    response = client.post(f"/v1/hooks/{tool}", data=body, headers=headers)
    return response.status_code, response.get_json()


def post_signed(client: FlaskClient, tool: str, content: Any, at: float) -> tuple[int, Any]:
    body = json.dumps(content).encode()
    return post(client, tool, body, signed(tool, body, secret_of(tool), at))


def error(answer: tuple[int, Any]) -> tuple[int, str, str | None]:
    return answer[0], answer[1]["error"]["code"], answer[1]["error"]["field"]


def stored(client: FlaskClient) -> Store:
    services: Services = client.application.extensions["voc"]
    return services.store


@pytest.mark.parametrize("tool", SIGNING)
def test_a_signed_message_is_kept_once(hooked: FlaskClient, tool: str) -> None:
    content = (
        {"kind": "review", "comment": {"id": 5, "body": "Ship lẹ"}} if tool == "generic" else payload(tool)
    )
    expected = 2 if tool in ("formbricks", "typeform") else 1
    now = time.time()
    status, body = post_signed(hooked, tool, content, now)
    assert (status, [result["status"] for result in body["results"]]) == (201, [201] * expected)
    assert body["results"][0]["analysis"]["segments"]
    again = post_signed(hooked, tool, content, now)
    if tool in TIMED:  # the very same message
        assert error(again) == (409, "hook_replayed", None)
    status, retried = post_signed(hooked, tool, content, now - 20)  # a retry: signed anew
    assert (status, [result["status"] for result in retried["results"]]) == (200, [200] * expected)
    assert [r["feedback"] for r in retried["results"]] == [r["feedback"] for r in body["results"]]
    assert stored(hooked).count(Filter()) == expected


def test_a_message_that_is_not_signed_rightly_changes_nothing(hooked: FlaskClient) -> None:
    content, now = payload("zendesk"), time.time()
    body = json.dumps(content).encode()
    good = signed("zendesk", body, SECRET, now)
    assert error(post(hooked, "zendesk", content)) == (
        401, "signature_missing", "x-zendesk-webhook-signature"
    )  # fmt: skip
    assert error(post(hooked, "zendesk", body + b"\n", good))[:2] == (401, "signature_wrong")
    assert error(post_signed(hooked, "zendesk", content, now - 400))[:2] == (401, "signature_expired")
    assert error(post_signed(hooked, "zendesk", content, now + 400))[:2] == (401, "signature_expired")
    assert stored(hooked).count(Filter()) == 0
    assert post(hooked, "zendesk", body, good)[0] == 201


def test_a_secret_is_changed_over_without_a_restart(hooked: FlaskClient, tmp_path: Path) -> None:
    content, now = payload("chatwoot"), time.time()
    for number, (secrets, status) in enumerate([(["new secret", SECRET], 201), ("new secret", 401)]):
        write(tmp_path / "hooks.json", {"chatwoot": {"secret": secrets}})
        assert post_signed(hooked, "chatwoot", content | {"id": number}, now)[0] == status
    write(tmp_path / "hooks.json", "{")
    assert error(post_signed(hooked, "chatwoot", content, now)) == (503, "hooks_unusable", None)


def test_nothing_is_kept_of_what_is_ignored(hooked: FlaskClient) -> None:
    answer = post_signed(hooked, "chatwoot", payload("chatwoot", message_type="outgoing"), time.time())
    assert answer == (200, {"ignored": "the message is not a customer's"})
    assert stored(hooked).count(Filter()) == 0


def test_an_edited_message_is_told_and_changes_nothing(hooked: FlaskClient) -> None:
    now = time.time()
    post_signed(hooked, "chatwoot", payload("chatwoot"), now)
    status, body = post_signed(hooked, "chatwoot", payload("chatwoot", content="Đã sửa rồi"), now)
    (result,) = body["results"]
    assert (status, result["status"], result["error"]["code"]) == (200, 409, "external_id_conflict")
    assert result["error"]["field"] == "results[0].external_id"
    (kept,) = stored(hooked).every(Filter())
    assert kept.feedback.text == payload("chatwoot")["content"]


def test_a_message_that_was_erased_is_not_taken_again(hooked: FlaskClient) -> None:
    now = time.time()
    status, body = post_signed(hooked, "chatwoot", payload("chatwoot"), now)
    assert status == 201
    key = body["results"][0]["feedback"]["id"]
    rights.erase_feedback(stored(hooked), [key], author="lan")
    status, body = post_signed(hooked, "chatwoot", payload("chatwoot"), now - 1)
    (result,) = body["results"]
    assert (status, result["status"], result["error"]["code"]) == (200, 409, "feedback_erased")


def test_a_row_that_cannot_be_kept_is_named(hooked: FlaskClient) -> None:
    now = time.time()
    long = payload("chatwoot", content="x" * 20_001)
    assert error(post_signed(hooked, "chatwoot", long, now)) == (422, "text_too_long", "results[0].text")
    half = payload("formbricks", data__data__why="x " * 15_000)
    status, body = post_signed(hooked, "formbricks", half, now)
    assert (status, [result["status"] for result in body["results"]]) == (201, [422, 201])
    without = payload("chatwoot", id=None)
    assert error(post_signed(hooked, "chatwoot", without, now)) == (422, "field_missing", "id")
    assert error(post(hooked, "chatwoot", b"{")) == (400, "json_invalid", None)
    assert error(post(hooked, "chatwoot", b"[]")) == (400, "json_not_object", None)
    assert error(post(hooked, "slack", {})) == (404, "hook_unknown", "tool")
    assert error(post(hooked, "generic/nobody", {})) == (404, "hook_unknown", "tool")


def test_without_a_secret_a_key_is_needed_once_there_is_one(client: FlaskClient, services: Services) -> None:
    assert post(client, "freshdesk", payload("freshdesk"))[0] == 201  # on this machine, before the first key
    organization = Organization.read(services.settings.organization)
    reader, sender = (
        services.access.add_key(organization, name=scope, scopes=[scope], by="test")[1]
        for scope in ("read", "ingest")
    )

    def with_key(key: str) -> tuple[int, Any]:
        return post(client, "freshdesk", payload("freshdesk"), {"Authorization": f"Bearer {key}"})

    assert error(post(client, "freshdesk", payload("freshdesk"))) == (401, "credentials_missing", None)
    assert error(with_key("voc_nobody"))[:2] == (401, "credentials_missing")
    assert error(with_key(reader))[:2] == (403, "scope_missing")
    assert with_key(sender)[0] == 200


def test_before_the_first_key_this_machine_alone_may_post(client: FlaskClient) -> None:
    response = client.post(
        "/v1/hooks/freshdesk", json=payload("freshdesk"), environ_base={"REMOTE_ADDR": "192.0.2.7"}
    )
    assert (response.status_code, response.get_json()["error"]["code"]) == (403, "not_configured")


def test_models_that_are_not_loaded_keep_no_tool_waiting(settings: Settings) -> None:
    app = create_app(settings)
    services: Services = app.extensions["voc"]
    status, body = post(app.test_client(), "chatwoot", payload("chatwoot"))
    assert (status, body["results"][0]["analysis"]) == (201, None)
    assert services.store.waiting() == 1
    services.store.close()


def test_receipts_are_forgotten_when_no_longer_needed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1_000.0]
    monkeypatch.setattr("voc.store.receipts.time.time", lambda: clock[0])
    store.receipts.add("a", 600)
    store.receipts.add("a", 600)
    clock[0] = 1_500
    store.receipts.add("b", 600)
    assert (store.receipts.has("a"), store.receipts.has("b")) == (True, True)
    clock[0] = 1_601
    store.receipts.add("c", 600)
    assert (store.receipts.has("a"), store.receipts.has("b")) == (False, True)


def test_what_the_documentation_has_one_paste_fits(root: Path, tmp_path: Path) -> None:
    page = (root / "docs" / "connectors.md").read_text("utf-8")
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    secrets, trigger, created, replied, generic = blocks
    assert [row["attributes"]["subject"] for row in rows("zendesk", trigger)] == ["{{ticket.title}}"]
    for template in (created, replied):
        (row,) = rows("freshdesk", template)
        assert (row["text"][:9], row["customer_ref"]) == (
            "{{ticket.", "{{ticket.contact.unique_external_id}}"
        )  # fmt: skip
    hooks = read_hooks(write(tmp_path / "hooks.json", secrets | generic))
    found = hooks.find("generic/shop-reviews")
    assert found is not None
    content = {"kind": "review", "comment": {"id": 5, "body": "Trễ"}, "stars": 1, "product": {"name": "Nón"}}
    (row,) = read(content, found[1]).rows
    assert row == {
        "text": "Trễ", "source": "shop-reviews", "external_id": "5", "channel": "web", "scores": {"csat": 1},
        "attributes": {"product": "Nón"},
    }  # fmt: skip


@pytest.fixture(scope="module")
def anybody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A client of an application without keys; its models are never loaded."""
    app = create_app(Settings(db=tmp_path_factory.mktemp("any") / "voc.db"))
    yield app.test_client()
    app.extensions["voc"].store.close()


@hypothesis_settings(max_examples=40, deadline=None)
@given(content=ANY_JSON.filter(lambda value: isinstance(value, dict)))
def test_no_payload_is_an_error_of_the_service(anybody: FlaskClient, content: Any) -> None:
    for tool in TOOLS[:-1]:
        response = anybody.post(f"/v1/hooks/{tool}", data=json.dumps(content).encode())
        assert response.status_code in (200, 201, 400, 422), response.get_json()


@hypothesis_settings(max_examples=60, deadline=None)
@given(damaged=_damaged())
def test_no_damaged_payload_is_an_error_of_the_service(
    anybody: FlaskClient, damaged: tuple[str, Any]
) -> None:
    tool, content = damaged
    response = anybody.post(f"/v1/hooks/{tool}", data=json.dumps(content).encode())
    assert response.status_code in (200, 201, 400, 422), response.get_json()


def test_a_refusal_does_not_say_what_a_customer_wrote() -> None:
    mapping = Mapping(source="s", kinds={"any": Kind(text="sum(t)", external_id="id")})
    with pytest.raises(InvalidInput) as caught:
        read({"id": 7, "t": "số của em là 0912345678"}, mapping)
    assert caught.value.message == "sum(t): sum() takes array-number and no string"
