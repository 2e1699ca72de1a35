"""A department's week: every figure and quote of it, and its mail, handed over once to a real mail server."""

from __future__ import annotations

import json
import socket
import ssl
import string
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from voc import rights
from voc.app import LOOPS
from voc.cli import main
from voc.digest import Digester, cut, due_week, last_week, mail, plain
from voc.digest.letter import QUOTE_CHARS
from voc.digest.words import FILE, words
from voc.errors import Conflict, NotFound, SettingsError, VocError
from voc.facts import FactTable
from voc.pipeline import Pipeline, PipelineHolder
from voc.records import Analysis, Feedback, Segment
from voc.settings import Settings
from voc.store import Store

WEEK = date(2026, 11, 9)
#: Eight o'clock of the Monday after it, where the shipped settings say.
MONDAY = datetime(2026, 11, 16, 1, tzinfo=UTC).timestamp()
SENDER = "voc@company.example"
HEAD, DEPUTY = "head@company.example", "deputy@company.example"

Part = tuple[str, Any, str | None, str | None]
Said = tuple[Feedback, Analysis]
Say = Callable[..., Said]


@pytest.fixture(scope="module")
def organization(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """The shipped one, where two people of care get mail."""
    path = tmp_path_factory.mktemp("company") / "organization.toml"
    shipped = (root / "organization.toml").read_text("utf-8")
    names = f'key = "care"\nmail_to = ["{HEAD}", "{DEPUTY}"]\n'
    path.write_text(shipped.replace('key = "care"\n', names, 1), "utf-8")
    return path


@pytest.fixture(scope="module")
def judge(organization: Path) -> Pipeline:
    """The shipped pipeline of that company."""
    return Pipeline.open(Settings(organization=organization))


@pytest.fixture
def say(feedback: Callable[..., Feedback]) -> Say:
    """A feedback of several clauses: text, feeling, topic, department of each."""
    numbers = count(1)

    def said(
        *parts: Part, day: str = "2026-11-10", owner: str | None = "care", cooperators: tuple[str, ...] = (),
        feeling: Any = "negative", touchpoint: Any = "support", status: Any = "routed",
    ) -> Said:  # fmt: skip
        key = f"f{next(numbers):03}"
        text = " ".join(clause for clause, *_ in parts)
        segments = tuple(
            Segment(text.index(one), text.index(one) + len(one), one, "vi", feels, 0.0, topic, whose, 0.9)
            for one, feels, topic, whose in parts
        )
        found = Analysis(
            key, "vi", feeling, 0.0, 0.9, owner, 0.9, cooperators, touchpoint, status, (), (), segments, "p1",
        )  # fmt: skip
        return feedback(key, text, occurred_at=f"{day}T08:00:00.000Z"), found

    return said


def keep(store: Store, *said: Said) -> None:
    store.add([row for row, _ in said], holder="t", lease_s=60)
    store.save([judged for _, judged in said], [None] * len(said), "r1")


@pytest.fixture
def week(say: Say, store: Store) -> dict[str, str]:
    """What customers said to care in the week, in the one before, and to others."""
    late = ("Gọi tổng đài ba lần không ai nghe", "negative", "hotline-unreachable", "care")
    said = {
        "late": say(late, ("giao trễ", "negative", "delivery-late", "logistics"), cooperators=("logistics",)),
        "late2": say(("Hotline bận suốt cả buổi sáng thứ Ba", "negative", "hotline-unreachable", "care")),
        "praise": say(
            ("Cảm ơn em trực tổng đài rất tận tình", "positive", "support-conduct", "care"),
            feeling="positive",
        ),
        "review": say(("Bảo hành lâu quá", "negative", "warranty", "care"), status="review"),
        "with": say(
            ("Tiền chưa hoàn", "negative", "refund-not-received", "finance"),
            ("hỏi thì không ai trả lời", "negative", "hotline-unreachable", "care"),
            owner="finance", cooperators=("care",), touchpoint="pay",
        ),
        "before": say(late, day="2026-11-03"),
        "after": say(late, day="2026-11-16"),
        "others": say(("App lỗi hoài", "negative", "app-crash", "digital"), owner="digital"),
    }  # fmt: skip
    keep(store, *said.values())
    return {name: row.id for name, (row, _) in said.items()}


@pytest.fixture
def make(store: Store, judge: Pipeline, organization: Path) -> Callable[..., Digester]:
    """A digester with settings of the test's own, as another process would make it."""

    def made(**settings: Any) -> Digester:
        chosen = Settings(db=store.path, organization=organization, **settings)
        holder = PipelineHolder(chosen)
        holder.use(judge)
        other = Store(store.path)
        return Digester(other, chosen, holder, FactTable(other))

    return made


# ---- when


@pytest.mark.parametrize(
    ("moment", "zone", "found"),
    [
        ("2026-11-16T00:59:59Z", "Asia/Ho_Chi_Minh", None),
        ("2026-11-16T01:00:00Z", "Asia/Ho_Chi_Minh", "2026-11-09"),
        ("2026-11-18T16:59:59Z", "Asia/Ho_Chi_Minh", "2026-11-09"),
        ("2026-11-18T17:00:00Z", "Asia/Ho_Chi_Minh", None),
        ("2026-11-15T23:59:59Z", "Pacific/Kiritimati", None),  # Monday noon there, but Sunday in UTC still
        ("2026-11-16T00:00:00Z", "Pacific/Kiritimati", "2026-11-09"),
        ("2026-11-16T12:59:59Z", "America/New_York", None),
        ("2026-11-16T13:00:00Z", "America/New_York", "2026-11-09"),
        ("2026-12-28T01:00:00Z", "Asia/Ho_Chi_Minh", "2026-12-21"),
    ],
)
def test_a_week_is_due_from_monday_morning_for_three_days(moment: str, zone: str, found: str | None) -> None:
    due = due_week(datetime.fromisoformat(moment).timestamp(), zone, 8)
    assert (due.isoformat() if due else None) == found


@pytest.mark.parametrize(
    ("day", "monday"),
    [(date(2026, 11, 15), date(2026, 11, 2)), (date(2026, 11, 16), WEEK), (date(2026, 11, 22), WEEK)],
)
def test_the_last_full_week_ends_before_this_one(day: date, monday: date) -> None:
    assert last_week(day) == monday


# ---- what


def test_a_letter_tells_the_week_and_no_other(make: Callable[..., Digester], week: dict[str, str]) -> None:
    letter = make().letter("care", WEEK, "en")
    assert letter.period == "9 Nov 2026 to 15 Nov 2026"
    assert letter.lead == "5 feedback concern Customer care: it owns 4 and co-operates on 1."
    assert [(one.label, one.value) for one in letter.figures] == [
        ("Owned", "4"), ("Co-operated on", "1"), ("Negative share", "75%"), ("Praise", "1"),
        ("To review", "1"),
    ]  # fmt: skip
    assert letter.figures[2].note == "between 30% and 95%; 100% the week before"
    parts = {section.key: [(item.key, item.figure) for item in section.items] for section in letter.sections}
    assert list(parts) == ["praise", "pains", "new", "touchpoints", "seams"]  # praise goes first
    assert parts["praise"] == [("support-conduct", "1")]
    assert parts["pains"] == [("hotline-unreachable", "3"), ("warranty", "1")]
    assert {key for key, _ in parts["new"]} == {"support-conduct", "warranty"}
    assert parts["touchpoints"] == [("pay", "1"), ("support", "4")]
    assert dict(parts["seams"]) == {"finance": "1", "logistics": "1"}


def test_quotes_are_the_words_of_this_week_with_those_of_the_department_marked(
    make: Callable[..., Digester], week: dict[str, str]
) -> None:
    letter = make().letter("care", WEEK, "vi")
    pains = letter.sections[1].items[0]
    assert {quote.feedback for quote in pains.quotes} == {week["late"], week["late2"], week["with"]}
    late = next(quote for quote in pains.quotes if quote.feedback == week["late"])
    assert late.pieces == (("Gọi tổng đài ba lần không ai nghe", True), (" giao trễ", False))
    assert late.day == "10/11/2026"
    assert [quote.feedback for quote in letter.sections[0].items[0].quotes] == [week["praise"]]


def test_figures_lead_to_what_they_count(make: Callable[..., Digester], week: dict[str, str]) -> None:
    letter = make().letter("care", WEEK, "en")
    span = (("from", "2026-11-09"), ("to", "2026-11-15"))
    assert letter.figures[0].link.path == "/feedback"
    assert letter.figures[0].link.query == (("department", "care"), ("role", "owner"), *span)
    seam = letter.sections[4].items[0]
    assert seam.link.query == (("department", "care"), ("also", seam.key), *span)


def test_an_erased_feedback_is_not_quoted(
    make: Callable[..., Digester], week: dict[str, str], store: Store
) -> None:
    rights.erase_feedback(store, [week["late"], week["late2"]], author="Lan")
    letter = make().letter("care", WEEK, "vi")
    said = json.dumps(letter.as_dict(), ensure_ascii=False)
    assert "ba lần" not in said
    assert "không ai trả lời" in said


def test_what_was_taken_from_a_department_is_not_quoted_to_it(
    make: Callable[..., Digester], week: dict[str, str], store: Store
) -> None:
    nobody = [(None, "cooperators", (), ["care"])]
    store.corrections.add(week["with"], nobody, author="Lan", reason=None, departments={})
    kept = store.get(week["with"])
    assert kept is not None
    assert kept.analysis is not None
    assert (kept.analysis.owner, kept.analysis.cooperators) == ("finance", ())
    assert kept.analysis.segments[1].department == "care"  # its words still speak of it
    pains = make().letter("care", WEEK, "vi").sections[1].items[0]
    assert (pains.key, pains.figure) == ("hotline-unreachable", "2")
    assert {quote.feedback for quote in pains.quotes} == {week["late"], week["late2"]}


def test_a_week_without_feedback_says_so(make: Callable[..., Digester]) -> None:
    letter = make().letter("care", WEEK, "vi")
    assert letter.count == 0
    assert letter.lead == "Tuần này không có phản hồi nào liên quan đến Chăm sóc khách hàng."
    assert letter.lead in plain(letter)


def test_a_department_must_be_of_the_organization(make: Callable[..., Digester]) -> None:
    with pytest.raises(NotFound) as raised:
        make().letter("nowhere", WEEK)
    assert raised.value.code == "department_unknown"


def test_every_phrase_is_there_in_both_languages_with_the_same_parts() -> None:
    import tomllib

    phrases = tomllib.loads(FILE.read_text("utf-8"))
    assert len(phrases) > 30
    for name, phrase in phrases.items():
        assert set(phrase) == {"vi", "en"}, name
        parts = [{part for _, part, _, _ in string.Formatter().parse(phrase[one]) if part} for one in phrase]
        assert parts[0] == parts[1], name


def test_numbers_are_written_as_in_the_language() -> None:
    assert (words("vi").number(1234), words("en").number(1234)) == ("1.234", "1,234")
    assert (words("vi").percent(0.004), words("en").percent(0.004)) == ("0,4%", "0.4%")


@given(
    text=st.text(st.sampled_from("ab đ\n"), min_size=1, max_size=600),
    marks=st.lists(st.tuples(st.integers(0, 600), st.integers(1, 40)), max_size=4),
)
def test_a_quote_is_a_stretch_of_the_text_with_its_marks(text: str, marks: list[tuple[int, int]]) -> None:
    ranges = [(start, min(start + length, len(text))) for start, length in marks if start < len(text)]
    pieces = list(cut(text, ranges))
    begin = 0
    if pieces[0] == ("… ", False) and not text.startswith("… "):
        pieces = pieces[1:]
        begin = None  # type: ignore[assignment]
    if pieces[-1] == (" …", False):
        pieces = pieces[:-1]
    joined = "".join(piece for piece, _ in pieces)
    flat = text.replace("\n", " ")
    assert len(joined) <= QUOTE_CHARS
    assert joined in flat
    if len(text) <= QUOTE_CHARS:
        assert begin == 0
        assert joined == flat
        marked = [is_marked for piece, is_marked in pieces for _ in piece]
        assert marked == [any(start <= at < end for start, end in ranges) for at in range(len(text))]


# ---- mail


class Server:
    """A mail server on this machine; what it says to each command can be chosen."""

    def __init__(self) -> None:
        self.mails: list[tuple[Envelope, EmailMessage]] = []
        self.refused: set[str] = set()
        self.says = "250 taken"
        self.is_cutting = False
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_RCPT(  # noqa: N802  # as aiosmtpd calls it
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(self, server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        if self.says.startswith("250"):
            found = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(found, EmailMessage)
            self.mails.append((envelope, found))
        if self.is_cutting:
            server.transport.abort()
        return self.says

    def authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"s3cret/", handled=False)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def start() -> Iterator[Callable[..., tuple[Server, int]]]:
    controllers: list[Controller] = []

    def started(port: int | None = None, **options: Any) -> tuple[Server, int]:
        server = Server()
        if options:
            options |= {"authenticator": server.authenticate, "auth_required": True}
        controller = Controller(server, hostname="127.0.0.1", port=port or free_port(), **options)
        controller.start()
        controllers.append(controller)
        return server, int(controller.port)

    yield started
    for controller in controllers:
        controller.stop()


def url(port: int) -> str:
    return f"smtp://127.0.0.1:{port}"


def test_on_monday_the_week_goes_to_whom_the_organization_names(
    make: Callable[..., Digester], week: dict[str, str], start: Callable[..., tuple[Server, int]]
) -> None:
    server, port = start()
    digester = make(smtp_url=url(port), mail_from=SENDER, public_url="https://voc.company.example/")
    assert digester.once(MONDAY - 1) == []
    (sent,) = digester.once(MONDAY)
    assert (sent.department, sent.week, sent.state) == ("care", "2026-11-09", "sent")
    assert (sent.recipients, sent.attempts, sent.error) == (2, 1, None)
    assert sent.sent_at == "2026-11-16T01:00:00.000Z"
    ((envelope, message),) = server.mails
    assert envelope.mail_from == SENDER
    assert envelope.rcpt_tos == [HEAD, DEPUTY]
    assert message["From"] == f"voc <{SENDER}>"
    assert message["To"] == f"{HEAD}, {DEPUTY}"
    assert message["Subject"] == "Tuần 09/11/2026: khách hàng nói gì với Chăm sóc khách hàng"
    assert message["Message-ID"] == "<digest.2026-11-09.care@company.example>"
    assert message["Date"].datetime == datetime(2026, 11, 16, 1, tzinfo=UTC)
    assert message["Auto-Submitted"] == "auto-generated"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    for body in (text.get_content(), html.get_content()):
        assert "5 phản hồi liên quan đến Chăm sóc khách hàng: phụ trách 4, phối hợp 1." in body
        assert "Hotline bận suốt cả buổi sáng thứ Ba" in body
        assert "https://voc.company.example/departments/care?from=2026-11-09" in body
    assert "<strong>Gọi tổng đài ba lần không ai nghe</strong>" in html.get_content()


def test_it_is_sent_once_over_all_processes(
    make: Callable[..., Digester], week: dict[str, str], start: Callable[..., tuple[Server, int]]
) -> None:
    server, port = start()
    several = [make(smtp_url=url(port), mail_from=SENDER) for _ in range(4)]
    with ThreadPoolExecutor(len(several)) as pool:
        found = list(pool.map(lambda one: one.once(MONDAY), several))
    assert sorted(len(one) for one in found) == [0, 0, 0, 1]
    assert [one.once(MONDAY + hours * 3600) for hours, one in enumerate(several)] == [[]] * 4
    assert len(server.mails) == 1


def test_words_of_customers_are_no_markup(
    make: Callable[..., Digester], say: Say, start: Callable[..., tuple[Server, int]], store: Store
) -> None:
    keep(
        store, say(("<img src=x onerror=alert(1)> không ai nghe", "negative", "hotline-unreachable", "care"))
    )
    server, port = start()
    make(smtp_url=url(port), mail_from=SENDER).once(MONDAY)
    html = server.mails[0][1].get_body(("html",))
    assert html is not None
    assert "&lt;img src=x onerror=alert(1)&gt;" in html.get_content()
    assert "<img" not in html.get_content()


def test_what_is_wrong_with_one_department_keeps_no_other_from_its_mail(
    judge: Pipeline, organization: Path, store: Store, week: dict[str, str], tmp_path: Path,
    start: Callable[..., tuple[Server, int]],
) -> None:  # fmt: skip
    server, port = start()
    path = tmp_path / "organization.toml"
    there = organization.read_text("utf-8")
    named = f'key = "sales"\nmail_to = ["{HEAD}"]\n'
    path.write_text(there.replace('key = "sales"\n', named, 1), "utf-8")
    settings = Settings(db=store.path, organization=path, smtp_url=url(port), mail_from=SENDER)
    holder = PipelineHolder(settings)
    holder.use(Pipeline.open(settings))
    digester = Digester(store, settings, holder, FactTable(store))
    first = next(one.key for one in holder.get().router.organization.departments if one.mail_to)
    letter = digester.letter

    def failing(department: str, *given: Any, **named: Any) -> Any:
        if department == first:
            raise KeyError("a touchpoint that there is not")
        return letter(department, *given, **named)

    digester.letter = failing  # type: ignore[method-assign]  # what nobody thought of
    assert [one.department for one in digester.once(MONDAY)] == [{"care": "sales", "sales": "care"}[first]]
    assert len(server.mails) == 1


def test_a_name_that_runs_over_lines_is_one_line_of_a_header(
    make: Callable[..., Digester], week: dict[str, str]
) -> None:
    letter = replace(make().letter("care", WEEK, "vi"), subject="Chăm sóc\r\nBcc: x@y.example\nkhách")
    message = mail.message_of(letter, sender=SENDER, recipients=[HEAD], public_url=None, now=MONDAY, serial=0)
    assert message["Subject"] == "Chăm sóc Bcc: x@y.example khách"
    assert message["Bcc"] is None


def test_a_line_of_dots_arrives_as_it_is(start: Callable[..., tuple[Server, int]]) -> None:
    server, port = start()
    message = EmailMessage(policy.SMTP)
    message.set_content("first\n.\n..second\n.third\n", cte="7bit")
    outcome = mail.hand_over(url(port), message, SENDER, [HEAD], lambda: None)
    assert outcome == mail.Outcome(1)
    assert server.mails[0][1].get_content().replace("\r\n", "\n") == "first\n.\n..second\n.third\n"


def test_what_failed_is_tried_again_later_and_not_before(
    make: Callable[..., Digester], week: dict[str, str], start: Callable[..., tuple[Server, int]]
) -> None:
    port = free_port()
    digester = make(smtp_url=url(port), mail_from=SENDER)
    (first,) = digester.once(MONDAY)  # nobody listens
    assert (first.state, first.error, first.attempts) == ("waiting", "connection_refused", 1)
    assert MONDAY + 120 <= first.due_at <= MONDAY + 144
    server, _ = start(port)
    server.says = "451 try later"
    assert digester.once(first.due_at - 1) == []
    (second,) = digester.once(first.due_at)
    assert (second.state, second.error, second.attempts) == ("waiting", "message_refused", 2)
    assert first.due_at + 360 <= second.due_at <= first.due_at + 432
    server.says = "250 taken"
    (third,) = digester.once(second.due_at)
    assert (third.state, third.error, third.attempts, third.recipients) == ("sent", None, 3, 2)
    assert [message["Message-ID"] for _, message in server.mails] == [
        "<digest.2026-11-09.care@company.example>"
    ]


def test_after_three_days_it_is_let_be(make: Callable[..., Digester], week: dict[str, str]) -> None:
    digester = make(smtp_url=url(free_port()), mail_from=SENDER)
    assert len(digester.once(MONDAY)) == 1
    assert digester.once(datetime(2026, 11, 19, 0, tzinfo=UTC).timestamp()) == []


def test_addresses_that_are_refused_do_not_keep_it_from_others(
    make: Callable[..., Digester], week: dict[str, str], start: Callable[..., tuple[Server, int]]
) -> None:
    server, port = start()
    server.refused = {DEPUTY}
    (sent,) = make(smtp_url=url(port), mail_from=SENDER).once(MONDAY)
    assert (sent.state, sent.recipients, sent.error) == ("sent", 1, "some_recipients_refused")
    assert server.mails[0][0].rcpt_tos == [HEAD]
    server.refused = {HEAD, DEPUTY}
    again = make(smtp_url=url(port), mail_from=SENDER).send("care", date(2026, 11, 2), MONDAY)
    assert (again.state, again.error) == ("waiting", "recipients_refused")


def test_what_the_server_may_have_is_never_sent_again_by_itself(
    make: Callable[..., Digester], week: dict[str, str], start: Callable[..., tuple[Server, int]]
) -> None:
    server, port = start()
    server.is_cutting = True
    digester = make(smtp_url=url(port), mail_from=SENDER)
    (unsure,) = digester.once(MONDAY)
    assert (unsure.state, unsure.error) == ("handing", "server_disconnected")
    assert len(server.mails) == 1  # it had it, and did not come to say so
    server.is_cutting = False
    assert digester.once(MONDAY + 86_400) == []
    with pytest.raises(Conflict) as raised:
        digester.send("care", WEEK, MONDAY + 86_400)
    assert raised.value.code == "digest_sent"
    sent = digester.send("care", WEEK, MONDAY + 86_400, again=True)
    assert sent.state == "sent"
    first, second = (message["Message-ID"] for _, message in server.mails)
    assert first != second


def test_a_process_that_died_before_it_handed_over_is_followed_by_another(
    make: Callable[..., Digester],
    week: dict[str, str],
    start: Callable[..., tuple[Server, int]],
    store: Store,
) -> None:
    server, port = start()
    assert store.digests.claim("2026-11-09", "care", "gone/1-a", MONDAY, 600.0)
    digester = make(smtp_url=url(port), mail_from=SENDER)
    assert digester.once(MONDAY + 599) == []
    (sent,) = digester.once(MONDAY + 600)
    assert (sent.state, sent.attempts) == ("sent", 2)
    with pytest.raises(Conflict) as raised:
        store.digests.hand_over("2026-11-09", "care", "gone/1-a")  # it wakes up, and is too late
    assert raised.value.code == "digest_lost"
    assert len(server.mails) == 1


def test_one_that_died_while_handing_over_is_not(
    make: Callable[..., Digester],
    week: dict[str, str],
    start: Callable[..., tuple[Server, int]],
    store: Store,
) -> None:
    server, port = start()
    store.digests.claim("2026-11-09", "care", "gone/1-a", MONDAY, 600.0)
    store.digests.hand_over("2026-11-09", "care", "gone/1-a")
    assert make(smtp_url=url(port), mail_from=SENDER).once(MONDAY + 86_400) == []
    assert server.mails == []


def test_the_log_has_that_words_left_and_none_of_them(
    make: Callable[..., Digester],
    week: dict[str, str],
    start: Callable[..., tuple[Server, int]],
    store: Store,
) -> None:
    _, port = start()
    make(smtp_url=url(port), mail_from=SENDER).once(MONDAY)
    lines, _ = store.audit.entries(actor="digest")
    assert [(line.action, line.subject, dict(line.details)) for line in lines] == [
        ("digest.send", "care", {"week": "2026-11-09", "recipients": 2})
    ]


def test_the_service_sends_beside_its_requests_and_stops_when_asked(
    make: Callable[..., Digester], start: Callable[..., tuple[Server, int]]
) -> None:
    assert "voc-digests" in LOOPS
    _, port = start()
    for digester in (make(), make(smtp_url=url(port), mail_from=SENDER)):
        stop = threading.Event()
        thread = threading.Thread(target=digester.run, args=(stop,))
        thread.start()
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


# ---- passwords


@pytest.fixture
def trusted(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """The server's side of TLS, with a certificate that is believed here."""
    certificate = root / "tests" / "data" / "localhost.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    mail._trusted.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    yield context
    mail._trusted.cache_clear()


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # of the server, over smtps
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_password_goes_over_tls(
    make: Callable[..., Digester], week: dict[str, str], start: Callable[..., tuple[Server, int]],
    trusted: ssl.SSLContext, scheme: str,
) -> None:  # fmt: skip
    how = (
        {"tls_context": trusted} if scheme == "smtp" else {"ssl_context": trusted, "auth_require_tls": False}
    )
    server, port = start(**how)
    there = f"{scheme}://lan%40company:s3cret%2F@localhost:{port}"
    (sent,) = make(smtp_url=there, mail_from=SENDER).once(MONDAY)
    assert sent.state == "sent"
    assert server.logins == [(b"lan@company", b"s3cret/")]
    wrong = make(smtp_url=there.replace("s3cret", "other"), mail_from=SENDER)
    failed = wrong.send("care", date(2026, 11, 2), MONDAY)
    assert (failed.state, failed.error) == ("waiting", "authentication")


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_password_never_goes_in_the_clear(
    make: Callable[..., Digester], week: dict[str, str], start: Callable[..., tuple[Server, int]]
) -> None:
    server, port = start(auth_require_tls=False)
    (failed,) = make(smtp_url=f"smtp://lan:s3cret%2F@127.0.0.1:{port}", mail_from=SENDER).once(MONDAY)
    assert (failed.state, failed.error) == ("waiting", "not_supported")
    assert server.logins == []
    assert server.mails == []


def test_a_certificate_that_is_not_believed_ends_it(
    make: Callable[..., Digester], week: dict[str, str], start: Callable[..., tuple[Server, int]],
    trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, root: Path,
) -> None:  # fmt: skip
    server, port = start(tls_context=trusted)
    monkeypatch.setenv("SSL_CERT_FILE", str(root / "tests" / "data" / "crm-example.pem"))
    mail._trusted.cache_clear()
    (failed,) = make(smtp_url=f"smtp://lan:s3cret%2F@localhost:{port}", mail_from=SENDER).once(MONDAY)
    assert (failed.state, failed.error) == ("waiting", "ssl_cert_verification")
    assert server.logins == []


# ---- asked for


def test_without_a_server_or_addresses_nothing_is_sent(
    make: Callable[..., Digester], week: dict[str, str], start: Callable[..., tuple[Server, int]]
) -> None:
    with pytest.raises(SettingsError) as raised:
        make().send("care", WEEK, MONDAY)
    assert raised.value.code == "smtp_missing"
    server, port = start()
    with pytest.raises(VocError) as missing:
        make(smtp_url=url(port), mail_from=SENDER).send("sales", WEEK, MONDAY)
    assert missing.value.code == "recipients_missing"
    assert server.mails == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"VOC_SMTP_URL": "smtp://mail.example"}, "smtp_url"),
        ({"VOC_SMTP_URL": "http://mail.example", "VOC_MAIL_FROM": SENDER}, "smtp_url"),
        ({"VOC_SMTP_URL": "smtp://mail.example:mail", "VOC_MAIL_FROM": SENDER}, "smtp_url"),
        ({"VOC_SMTP_URL": "smtp://lan:s3cret/x@mail.example", "VOC_MAIL_FROM": SENDER}, "smtp_url"),
        ({"VOC_MAIL_FROM": "Lan <lan@company.example>"}, "mail_from"),
        ({"VOC_MAIL_FROM": "lan@company.example\r\nBcc: x@y.example"}, "mail_from"),
        ({"VOC_MAIL_TIMEZONE": "Hanoi"}, "mail_timezone"),
        ({"VOC_MAIL_HOUR": "24"}, "mail_hour"),
        ({"VOC_PUBLIC_URL": "voc.company.example"}, "public_url"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(given: dict[str, str], field: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment(given)
    assert (raised.value.code, raised.value.field) == ("setting_invalid", field)
    assert "s3cret" not in str(raised.value)
    assert "s3cret" not in repr(Settings.from_environment(
        {"VOC_SMTP_URL": "smtp://a:s3cret@mail.example", "VOC_MAIL_FROM": SENDER}
    ))  # fmt: skip


def run(store: Store, organization: Path, *arguments: str, **environment: str) -> Result:
    options = ["--db", str(store.path), "--organization", str(organization)]
    return CliRunner().invoke(main, [*options, "digest", *arguments], env=environment)


def test_the_command_prints_a_week(store: Store, organization: Path, week: dict[str, str]) -> None:
    shown = run(store, organization, "care", "--week", "2026-11-12", "--language", "en")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith("Customer care\n9 Nov 2026 to 15 Nov 2026\n")
    assert "Negative share: 75% (between 30% and 95%; 100% the week before)" in shown.stdout
    told = json.loads(run(store, organization, "care", "--week", "2026-11-09", "--json").stdout)
    assert (told["count"], told["language"], told["week"]) == (5, "vi", "2026-11-09")
    assert run(store, organization, "nowhere").exit_code == 1
    assert run(store, organization, "care", "--again").exit_code == 2


def test_the_command_sends_once(
    store: Store, organization: Path, week: dict[str, str], start: Callable[..., tuple[Server, int]]
) -> None:
    server, port = start()
    there = {"VOC_SMTP_URL": url(port), "VOC_MAIL_FROM": SENDER, "VOC_MAIL_LANGUAGE": "en"}
    command = ("care", "--week", "2026-11-09", "--send")
    first = run(store, organization, *command, "--json", **there)
    assert json.loads(first.stdout)["recipients"] == 2
    second = run(store, organization, *command, **there)
    assert second.exit_code == 1
    assert "digest_sent" in second.stderr
    third = run(store, organization, *command, "--again", **there)
    assert third.stdout == "care, week of 2026-11-09: sent, 2 recipients\n"
    assert [message["Subject"] for _, message in server.mails] == [
        "Week 9 Nov 2026: what customers say to Customer care"
    ] * 2
