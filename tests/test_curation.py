"""Decisions about topics: kept with the change they make, told in the history, undone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient

from voc import registry as rules
from voc.cli import main
from voc.curation import Curation, Wording, change_of, themes
from voc.errors import Conflict, InvalidInput, NotFound, VocError
from voc.pipeline import Pipeline
from voc.registry import Prototype, Registry, Topic
from voc.services import Services
from voc.settings import Settings
from voc.store import Proposal, ProposalItem
from voc.topics import TopicModel, centred


@pytest.fixture
def shipped(pipeline: Pipeline) -> Registry:
    return pipeline.topics.registry


@pytest.fixture
def curation(services: Services) -> Curation:
    return Curation(services.store, services.pipelines)


def group(key: str, segments: int = 12, **values: Any) -> dict[str, Any]:
    return {
        "key": key, "name": {"vi": f"Tên {key}", "en": f"Name {key}"}, "name_borrowed": [], "name_rare": [],
        "theme": "delivery", "department": "logistics", "segments": segments, "words": ["thùng", "box"],
        "nearest": None, "examples": ["Thùng hàng bị móp"], "languages": {"vi": 1.0}, "proposed": segments,
    } | values  # fmt: skip


def direction(registry: Registry, seed: int) -> Any:
    vector = np.random.default_rng(seed).normal(size=len(registry.center)).astype(np.float32)
    return vector / np.linalg.norm(vector)


@pytest.fixture
def proposal(curation: Curation, shipped: Registry) -> Proposal:
    """One item of each kind."""

    def item(position: int, kind: Any, keys: tuple[str, ...], *groups: dict[str, Any]) -> ProposalItem:
        places = tuple(
            Prototype(one["key"], direction(shipped, 10 * position + number), 0.6)
            for number, one in enumerate(groups)
            if kind in ("new", "grown", "split")
        )
        content = {"reason": "so", "size": {"now": 20, "proposed": 30}, "groups": list(groups)}
        return ProposalItem(position, kind, keys, content, places)

    items = (
        item(1, "new", (), group("crushed-box")),
        item(2, "split", ("app-crash",), group("app-closes"), group("app-freezes")),
        item(3, "merged", ("price-high", "price-fair"), group("price-high")),
        item(4, "grown", ("delivery-late",), group("delivery-late", 7)),
        item(5, "gone", ("spam-messages",)),
        item(6, "same", ("packaging",), group("packaging")),
    )
    found = Proposal(curation.store.revision()[0], shipped.encoder, {"segments": 100}, items)
    return curation.store.proposals.add(found, author="Lan")


def take(curation: Curation, proposal: Proposal, *names: str, **options: Any) -> list[Any]:
    fresh = curation.proposal(proposal.number)
    return curation.accept(fresh, curation.find(fresh, names), author="Lan", **options)


def code(error: pytest.ExceptionInfo[VocError]) -> str:
    return error.value.code


# ---- proposals


def test_a_proposal_comes_back_as_it_was_kept(curation: Curation, proposal: Proposal) -> None:
    found = curation.proposal()
    assert found.number == 1
    assert found.as_dict() == proposal.as_dict()
    assert [item.kind for item in found.items] == ["new", "split", "merged", "grown", "gone", "same"]
    assert [place.topic for place in found.items[1].places] == ["app-closes", "app-freezes"]
    assert found.items[0].places[0].vector.shape == (384,)
    assert found.figures == {"segments": 100}


def test_accepting_all_makes_each_change_at_once(
    curation: Curation, proposal: Proposal, shipped: Registry
) -> None:
    events = take(curation, proposal)
    assert [event.action if event else None for event in events] == [
        "add", "split", "merge", "grow", None, None,
    ]  # fmt: skip
    registry = curation.registry
    assert registry.topics["crushed-box"].name == {"vi": "Tên crushed-box", "en": "Name crushed-box"}
    assert registry.topics["crushed-box"].size == 12
    assert registry.topics["app-crash"].into == ("app-closes", "app-freezes")
    assert registry.topics["price-fair"].into == ("price-high",)
    assert registry.topics["delivery-late"].size == shipped.topics["delivery-late"].size + 7
    assert registry.topics["spam-messages"].state == "active"
    layers = [place.layer for place in registry.prototypes if place.topic in ("crushed-box", "delivery-late")]
    assert sorted(layers) == [0, 1, 1]  # what is accepted together chooses side by side
    decided = curation.proposal().items
    assert {item.decision for item in decided} == {"accepted"}
    assert [item.event for item in decided] == [2, 3, 4, 5, None, None]  # 1 takes the shipped registry over
    assert {item.decided_by for item in decided} == {"Lan"}


def test_undoing_gives_the_registry_back_and_opens_the_items(
    curation: Curation, proposal: Proposal, shipped: Registry
) -> None:
    events = [event.number for event in take(curation, proposal) if event]
    changed = curation.registry.digest
    undone = curation.undo(events, author="Minh", reason="too early")
    assert [event.undoes for event in undone] == [5, 4, 3, 2]
    assert changed != shipped.digest
    assert curation.registry.digest == shipped.digest
    assert list(curation.registry.topics) == list(shipped.topics)
    open_again = [item.kind for item in curation.proposal().items if item.decision is None]
    assert open_again == ["new", "split", "merged", "grown"]
    take(curation, proposal, "1")
    assert curation.registry.topics["crushed-box"].state == "active"
    with pytest.raises(Conflict) as raised:
        curation.undo([2], author="Minh")
    assert code(raised) == "event_undone"


def test_undoing_several_is_all_or_nothing(curation: Curation) -> None:
    first = curation.rename("packaging", {"en": "Wrapping"}, author="Lan")
    second = curation.rename("packaging", {"en": "Wrappings"}, author="Lan")
    retired = curation.retire("spam-messages", author="Lan")
    before = curation.registry.digest
    for numbers, expected in (
        ([retired.number, first.number], "event_followed"),
        ([retired.number, 1], "event_undone"),
        ([retired.number, 99], "event_unknown"),
        ([0, retired.number], "event_unknown"),
    ):
        with pytest.raises(VocError) as raised:
            curation.undo(numbers, author="Minh")
        assert code(raised) == expected
    assert curation.registry.digest == before
    assert [event.undone for event in curation.history()] == [False] * 4
    undone = curation.undo([first.number, retired.number, second.number, first.number], author="Minh")
    assert [event.undoes for event in undone] == [retired.number, second.number, first.number]
    assert [event.number for event in undone] == [5, 6, 7]
    assert curation.undo([], author="Minh") == []


def test_a_topic_that_is_gone_is_retired_only_when_told_so(curation: Curation, proposal: Proposal) -> None:
    assert [event.action for event in take(curation, proposal, "spam-messages", retire=True)] == ["retire"]
    assert curation.registry.topics["spam-messages"].state == "retired"


def test_a_new_topic_takes_the_words_that_a_person_gives(curation: Curation, proposal: Proposal) -> None:
    wording = Wording("dented-box", "Thùng hàng móp", "Dented box", "operations")
    take(curation, proposal, "crushed-box", wording=wording)
    topic = curation.registry.topics["dented-box"]
    assert (topic.name, topic.department) == ({"vi": "Thùng hàng móp", "en": "Dented box"}, "operations")
    assert topic.theme == "delivery"
    place = curation.registry.prototypes[-1]
    assert (place.topic, place.threshold) == ("dented-box", 0.6)
    vector = place.vector + curation.registry.center
    assert TopicModel(curation.registry).assign(vector[None]) == ["dented-box"]


def test_items_are_found_by_number_topic_and_suggested_key(curation: Curation, proposal: Proposal) -> None:
    found = curation.find(proposal, ["3", "app-freezes", "price-fair", "delivery-late"])
    assert [item.position for item in found] == [3, 2, 4]
    with pytest.raises(NotFound) as raised:
        curation.find(proposal, ["nothing"])
    assert code(raised) == "item_unknown"


def test_a_rejected_item_changes_nothing_and_stays_decided(
    curation: Curation, proposal: Proposal, shipped: Registry
) -> None:
    curation.reject(proposal, curation.find(proposal, ["1"]), author="Lan", reason="too vague")
    assert curation.store.topics.read() is None
    assert curation.proposal().items[0].decision == "rejected"
    with pytest.raises(Conflict) as raised:
        take(curation, proposal, "1", "4")
    assert code(raised) == "item_decided"
    assert curation.store.topics.read() is None  # all or none
    assert len(curation.find(curation.proposal(), [])) == 5


def test_a_proposal_is_outdated_for_the_topics_that_changed_since(
    curation: Curation, proposal: Proposal
) -> None:
    merged = curation.merge(["delivery-late"], "transport-delay", author="Minh")
    with pytest.raises(Conflict) as raised:
        take(curation, proposal, "delivery-late")
    assert code(raised) == "proposal_outdated"
    assert str(merged.number) in raised.value.message
    take(curation, proposal, "app-crash")  # of other topics it still holds
    curation.undo([merged.number], author="Minh")
    assert take(curation, proposal, "delivery-late")[0].action == "grow"


def test_another_name_or_department_does_not_outdate_a_proposal(
    curation: Curation, proposal: Proposal
) -> None:
    curation.rename("delivery-late", {"en": "Late parcels"}, author="Minh")
    curation.move("delivery-late", "care", author="Minh")
    take(curation, proposal, "delivery-late")
    topic = curation.registry.topics["delivery-late"]
    assert (topic.name["en"], topic.moved_to) == ("Late parcels", "care")


def test_a_proposal_of_another_encoder_is_outdated(curation: Curation, proposal: Proposal) -> None:
    other = Proposal(0, "e5s-other", proposal.figures, proposal.items)
    kept = curation.store.proposals.add(other, author="Lan")
    with pytest.raises(Conflict) as raised:
        take(curation, kept)
    assert code(raised) == "proposal_outdated"


@pytest.mark.parametrize(
    ("position", "wording", "expected"),
    [
        (1, Wording(department="nowhere"), "department_invalid"),
        (1, Wording(key="delivery-late"), "topic_exists"),
        (1, Wording(key="Two Words"), "key_invalid"),
        (4, Wording(name_vi="Khác"), "wording_unusable"),
    ],
)
def test_words_that_cannot_be_taken(
    curation: Curation, proposal: Proposal, position: int, wording: Wording, expected: str
) -> None:
    with pytest.raises(VocError) as raised:
        take(curation, proposal, str(position), wording=wording)
    assert code(raised) == expected
    assert curation.proposal().items[position - 1].decision is None


def test_other_words_go_with_one_item(curation: Curation, proposal: Proposal) -> None:
    with pytest.raises(InvalidInput) as raised:
        take(curation, proposal, wording=Wording(key="x"))
    assert code(raised) == "wording_unusable"


def test_a_topic_without_a_name_must_be_given_one(shipped: Registry) -> None:
    nameless = group("thing", name={"vi": "Tên", "en": ""})
    item = ProposalItem(1, "new", (), {"groups": [nameless]})
    with pytest.raises(InvalidInput) as raised:
        change_of(shipped, item)
    assert code(raised) == "name_missing"
    change = change_of(shipped, item, Wording(name_en="Thing"))
    assert change is not None
    assert change.topics["thing"].name["en"] == "Thing"  # type: ignore[union-attr]


# ---- changes of one's own


def test_every_change_is_a_dated_line_with_its_author(curation: Curation) -> None:
    curation.rename("delivery-late", {"en": "Late parcels"}, author="Lan", reason="as they say")
    curation.retire("spam-messages", author="Minh")
    curation.add_theme("wear", {"vi": "Quần áo", "en": "Clothes"}, author="Lan")
    curation.place("packaging", "wear", author="Lan")
    lines = [(event.author, event.action, event.keys, event.reason) for event in curation.history()]
    assert lines == [
        ("voc", "start", (), "as shipped"),
        ("Lan", "rename", ("delivery-late",), "as they say"),
        ("Minh", "retire", ("spam-messages",), None),
        ("Lan", "theme", ("wear",), None),
        ("Lan", "place", ("packaging",), None),
    ]
    assert [event.action for event in curation.history("packaging")] == ["place"]
    assert curation.history("hotline-unreachable") == []
    with pytest.raises(NotFound):
        curation.history("nothing")
    told = curation.history("packaging")[0].as_dict()
    assert list(told) == [
        "number", "made_at", "author", "action", "keys", "before", "after", "reason", "undoes", "undone"
    ]  # fmt: skip
    assert (told["number"], told["keys"], told["undone"]) == (5, ["packaging"], False)
    event = curation.history("delivery-late")[0]
    assert event.before["topics"]["delivery-late"]["name"]["en"] != "Late parcels"
    assert event.after["topics"]["delivery-late"]["name"]["en"] == "Late parcels"


def test_a_department_must_be_one_of_the_company(curation: Curation) -> None:
    with pytest.raises(InvalidInput) as raised:
        curation.move("delivery-late", "nowhere", author="Lan")
    assert code(raised) == "department_unknown"


def test_the_departments_are_those_of_the_pipeline_in_use(
    curation: Curation, services: Services, client: FlaskClient, pipeline: Pipeline, tmp_path: Path
) -> None:
    own = tmp_path / "organization.toml"
    text = services.settings.organization.read_text("utf-8")
    own.write_text(text.replace('key = "care"', 'key = "kh"\ncovers = ["care"]'), "utf-8")
    sent = client.post("/v1/feedback", json={"text": "Giao hàng trễ ba ngày không báo"})
    path = f"/v1/feedback/{sent.json['feedback']['id']}/corrections"
    services.pipelines.use(Pipeline.open(Settings(organization=own), reader=pipeline.reader))
    assert "kh" in [one["key"] for one in client.get("/v1/departments").json["items"]]
    assert client.post(path, json={"owner": "kh"}).json["analysis"]["owner"] == "kh"
    assert client.post(path, json={"owner": "care"}).json["error"]["code"] == "department_unknown"
    with pytest.raises(InvalidInput) as raised:
        curation.move("packaging", "care", author="Lan")
    assert code(raised) == "department_unknown"
    assert curation.move("packaging", "kh", author="Lan").action == "move"


def test_themes_list_their_topics_and_those_without(curation: Curation, shipped: Registry) -> None:
    assert None not in [theme["key"] for theme in themes(shipped)]
    curation.place("packaging", None, author="Lan")
    found = themes(curation.registry)
    assert found[-1] == {
        "key": None, "name": {"vi": "Chưa xếp nhóm", "en": "Under no theme"}, "topics": ["packaging"]
    }  # fmt: skip
    listed = [key for theme in found for key in theme["topics"]]
    assert sorted(listed) == sorted(topic.key for topic in shipped.active)


# ---- HTTP


def test_changes_over_http_count_at_once(client: FlaskClient) -> None:
    renamed = client.post(
        "/v1/topics/delivery-late/rename", json={"name": {"en": "Late parcels"}, "by": "Lan"}
    )
    assert renamed.status_code == 200
    assert (renamed.json["action"], renamed.json["author"]) == ("rename", "Lan")
    assert client.get("/v1/topics/delivery-late").json["name"]["en"] == "Late parcels"
    merged = client.post("/v1/topics/price-fair/merge", json={"into": "price-high"})
    assert (merged.json["keys"], merged.json["author"]) == (["price-fair", "price-high"], "api")
    assert client.get("/v1/topics/price-fair").json["into"] == ["price-high"]
    listed = [topic["key"] for topic in client.get("/v1/topics").json["items"]]
    assert "price-fair" not in listed
    assert client.post("/v1/topics/packaging/move", json={"department": "care"}).status_code == 200
    assert client.get("/v1/topics/packaging").json["moved_to"] == "care"
    assert client.post("/v1/topics/spam-messages/retire", json={"reason": "never here"}).status_code == 200
    lines = client.get("/v1/topics/spam-messages/history").json["items"]
    assert [(line["action"], line["reason"], line["undone"]) for line in lines] == [
        ("retire", "never here", False)
    ]


@pytest.mark.parametrize(
    ("path", "body", "status", "expected"),
    [
        ("nothing/retire", {}, 404, "topic_unknown"),
        ("packaging/rename", {}, 422, "name_missing"),
        ("packaging/rename", {"name": {"fr": "x"}}, 422, "name_invalid"),
        ("packaging/rename", {"titel": "x"}, 422, "field_unknown"),
        ("packaging/merge", {}, 422, "field_missing"),
        ("packaging/merge", {"into": "packaging"}, 422, "topics_missing"),
        ("packaging/move", {"department": "nowhere"}, 422, "department_unknown"),
        ("packaging/retire", {"by": ""}, 422, "field_invalid"),
    ],
)
def test_changes_that_http_refuses(
    client: FlaskClient, path: str, body: dict[str, Any], status: int, expected: str
) -> None:
    answer = client.post(f"/v1/topics/{path}", json=body)
    assert (answer.status_code, answer.json["error"]["code"]) == (status, expected)


def test_themes_over_http(client: FlaskClient, shipped: Registry) -> None:
    items = client.get("/v1/themes").json["items"]
    assert [theme["key"] for theme in items] == list(shipped.themes)
    delivery = next(theme for theme in items if theme["key"] == "delivery")
    assert delivery["name"] == {"vi": "Giao nhận hàng", "en": "Delivery"}
    assert "delivery-late" in delivery["topics"]


# ---- the command line


@pytest.fixture
def voc(tmp_path: Path) -> Callable[..., Result]:
    """Runs a command on the database of the test, which is the application's too."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["--db", str(tmp_path / "voc.db"), *arguments])

    return run


def test_a_proposal_on_the_command_line(
    voc: Callable[..., Result], curation: Curation, proposal: Proposal
) -> None:
    figures = {
        "segments": 100, "distinct": 90, "fitted": 90, "min_topic_size": 10, "groups": 7, "groups_nobodys": 1,
        "groups_loose": 2, "groups_of_few_texts": 0, "topics": 64, "topics_after": 65,
        "outliers_bertopic": 0.3, "outliers_before": 0.62, "outliers_after": 0.55,
    }  # fmt: skip
    curation.store.proposals.add(Proposal(0, proposal.encoder, figures, proposal.items), author="Lan")
    shown = voc("topics", "diff").output
    assert "New topics, of segments that belong to none (1)" in shown
    assert "crushed-box: 30 segments" in shown
    assert "Tên crushed-box / Name crushed-box" in shown
    assert "· Thùng hàng bị móp" in shown
    assert "62.0% now, 55.0% if all is accepted" in shown
    assert json.loads(voc("topics", "diff", "--json").output)["items"][0]["kind"] == "new"
    done = json.loads(voc("topics", "accept", "crushed-box", "--by", "Lan", "--json").output)
    assert [event["action"] for event in done["events"]] == ["add"]
    assert voc("topics", "accept").exit_code == 2
    assert voc("topics", "accept", "--all", "--retire").exit_code == 2
    number = done["events"][0]["number"]
    assert "crushed-box" in voc("topics", "history", "crushed-box").output
    assert f"change {number} undone: crushed-box" in voc("topics", "undo", str(number)).output
    assert voc("topics", "undo", str(number)).exit_code == 1
    assert "event_unknown" in voc("topics", "undo", str(number), "99").output
    assert json.loads(voc("topics", "reject", "--all", "--json").output) == {"proposal": 2, "rejected": 6}


def test_changes_on_the_command_line(voc: Callable[..., Result]) -> None:
    def made(*arguments: str) -> Any:
        result = voc("topics", *arguments, "--by", "Lan", "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    assert made("rename", "packaging", "--name-en", "Wrapping")["action"] == "rename"
    assert made("merge", "price-fair", "price-question", "--into", "price-high")["action"] == "merge"
    assert made("move", "packaging", "--department", "care")["action"] == "move"
    assert made("move", "packaging", "--back")["after"]["topics"]["packaging"]["moved_to"] is None
    assert made("themes", "add", "boxes", "--name-vi", "Hộp", "--name-en", "Boxes")["keys"] == ["boxes"]
    assert made("theme", "packaging", "--theme", "boxes")["action"] == "place"
    assert made("retire", "spam-messages")["action"] == "retire"
    listed = json.loads(voc("topics", "themes", "--json").output)
    assert listed[-1]["topics"] == ["packaging"]
    assert "  packaging" in voc("topics", "themes").output
    history = json.loads(voc("topics", "history", "--json").output)
    assert [line["author"] for line in history] == ["voc", *["Lan"] * 7]
    shown = json.loads(voc("topics", "show", "price-fair", "--json").output)
    assert (shown["state"], shown["into"]) == ("merged", ["price-high"])
    assert voc("topics", "rename", "packaging").exit_code == 2
    assert voc("topics", "move", "packaging").exit_code == 2
    assert voc("topics", "theme", "packaging").exit_code == 2
    assert "proposal_unknown" in voc("topics", "diff").output


def test_a_key_stays_with_the_topic_that_had_it(curation: Curation, proposal: Proposal) -> None:
    registry = curation.registry

    def new(words: tuple[str, ...]) -> Any:
        topic = Topic("queue", {"vi": "Chờ lâu", "en": "Queue"}, "operations", words, ("chờ lâu",), 12)
        return rules.add(curation.registry, topic, [Prototype("queue", direction(registry, 1), 0.5)])

    made = curation.store.topics.make(new(("chờ", "queue")), registry, author="lan")
    curation.undo([made.number], author="lan")
    assert "queue" not in curation.registry.topics
    with pytest.raises(Conflict) as caught:
        curation.store.topics.make(new(("vé", "ticket")), curation.registry, author="lan")
    assert caught.value.code == "topic_exists"
    again = curation.store.topics.make(new(("chờ", "queue")), curation.registry, author="lan")
    assert again.action == "add"


def test_after_another_encoder_own_topics_lie_where_their_examples_do(
    curation: Curation, services: Services, pipeline: Pipeline, monkeypatch
) -> None:
    start = curation.registry
    example = "Chờ ở quầy cả tiếng không ai gọi số"
    topic = Topic("queue", {"vi": "Chờ lâu", "en": "Queue"}, "operations", ("chờ",), (example,), 12)
    curation.store.topics.make(
        rules.add(start, topic, [Prototype("queue", direction(start, 1), 0.9)]), start, author="lan"
    )
    services.store.db.execute("UPDATE topic_space SET encoder = 'e5s-former'")
    services.store.db.conn.commit()
    opened = Pipeline.open(services.settings, services.instance(), pipeline.reader)
    services.pipelines.use(opened)
    assert opened.topics.registry.encoder == start.encoder
    assert opened.analyze(["a"], [example])[0].segments[0].topic in {"queue", *start.topics}
    (place,) = [one for one in opened.topics.registry.prototypes if one.topic == "queue"]
    assert (place.threshold, place.layer) == (0.9, 1)
    point = centred(pipeline.reader.encoder.encode([example]), start.center)[0]
    assert float(place.vector @ point) > 0.999
    curation.rename("queue", {"vi": "Chờ quá lâu"}, author="lan")
    assert [event.action for event in curation.history()] == ["start", "add", "rebase", "rename"]
    kept = services.store.topics.read()
    assert kept.encoder == start.encoder
    assert len(kept.prototypes) == len(start.prototypes) + 1
    (added,) = [event for event in curation.history() if event.action == "add"]
    (renamed,) = [event for event in curation.history() if event.action == "rename"]
    curation.undo([added.number, renamed.number], author="lan")
    assert {one.topic for one in services.store.topics.read().prototypes} == set(start.topics)


def test_a_theme_with_topics_cannot_be_undone(curation: Curation) -> None:
    made = curation.add_theme("queues", {"vi": "Xếp hàng", "en": "Queues"}, author="lan")
    placed = curation.place("on-site-staff", "queues", author="lan")
    with pytest.raises(Conflict) as caught:
        curation.undo([made.number], author="lan")
    assert caught.value.code == "event_followed"
    curation.undo([made.number, placed.number], author="lan")
    assert "queues" not in curation.registry.themes
