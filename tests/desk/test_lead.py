"""The lead as a CRM shows it: of whole sales, of any state there may be, and what a human's edit there means."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.agent.corrections import correct
from src.agent.memory import Called, Memory
from src.agent.state import STAGES, Consent, Conversation, HandoffReason, Outcome, decode, encode, new_conversation
from src.desk.handoff import Handoffs, handed_back, taken_over
from src.desk.lead import (
    ATTRIBUTES,
    LARGEST_NUMBER,
    LONGEST_TEXT,
    OURS,
    OUTCOME_LABELS,
    PERSON_KEYS,
    TEMPERATURE_LABELS,
    WRITTEN,
    lead_of,
    profile_from_attributes,
)
from src.desk.lead_rules import OWN_RULES, Rules, load_rules
from src.desk.notes import Notes
from src.desk.words import HANDED_OVER, LABELS, OBJECTIONS, OUTCOMES, REASONS, Objection
from src.desk.words import STAGES as STAGE_WORDS
from src.integrations.untrusted import line_of, name_of, tree_of
from src.quoting import load_catalogue
from tests.agent.talk import CONTACT, START, Talk, at_proposal
from tests.agent.test_dialogues import BEGINNINGS, DIALOGUES
from tests.agent.test_graph_properties import MEANINGS, UTTERANCES

RULES, _ = load_rules()
NOTES = Notes(load_catalogue())
TODAY = date(2026, 11, 20)
LABEL = re.compile(r"[^\W_]+[\w-]+")
"""Chatwoot's `[\\p{L}\\p{N}]+[\\p{L}\\p{N}_-]+`, in Python's words; it also writes them in lower case."""
RESERVED = {
    *("status", "priority", "assignee_id", "inbox_id", "team_id", "display_id", "campaign_id", "labels", "browser_language"),
    *("country_code", "referer", "created_at", "last_activity_at", "name", "email", "phone_number", "identifier", "city"),
    *("blocked",),
}


def conversation(**changes: Any) -> Conversation:
    return msgspec.structs.replace(new_conversation(CONTACT, START), **changes)


def with_human(before: Conversation, reason: str, now: datetime = START) -> Conversation:
    return Handoffs().begin(before, reason, now)


def yes() -> dict[str, Consent]:
    return {"quote": Consent(given=True, at=START, text_version="es-1")}


def assert_shown_well(one: Conversation, rules: Rules = RULES) -> None:
    """What Chatwoot would take, and what says of a lead only one thing at a time."""
    lead = lead_of(one, rules)
    assert set(lead.labels) <= set(lead.ours)
    assert len(set(lead.labels)) == len(lead.labels)
    assert sum(label in TEMPERATURE_LABELS.values() for label in lead.labels) <= 1
    assert [label for label in lead.labels if label in {stage.lower() for stage in STAGES}] == [one.stage.lower()]
    assert (HANDED_OVER.title in lead.labels) is (one.owner == "human")
    assert sum(label in OUTCOME_LABELS.values() for label in lead.labels) == (one.outcome in OUTCOME_LABELS)
    assert set(lead.person) == {*PERSON_KEYS, WRITTEN}
    kinds = {attribute.key: attribute for attribute in ATTRIBUTES}
    for key, value in {**lead.person, **lead.conversation}.items():
        assert isinstance(value, bool | int | float | str | None), key
        assert not isinstance(value, str) or 0 < len(value) <= LONGEST_TEXT, key
        assert not isinstance(value, int) or abs(value) <= LARGEST_NUMBER, key
        if value is not None and key != WRITTEN:
            assert_is_of_kind(kinds[key].kind, kinds[key].values, value)
    assert lead.team in ("", *(team.name.casefold() for team in rules.team))
    assert 0 <= lead.conversation["score"] <= 100
    json.dumps({**lead.person, **lead.conversation}, allow_nan=False)


def assert_is_of_kind(kind: str, values: tuple[str, ...], value: Any) -> None:
    if kind == "number":
        assert isinstance(value, int | float)
        assert not isinstance(value, bool)
    elif kind == "date":
        assert date.fromisoformat(value)
    elif kind == "list":
        assert value in values
    else:
        assert isinstance(value, {"checkbox": bool, "text": str}[kind])


# --- what is provisioned ------------------------------------------------------------------------------------------------


def test_labels_are_what_chatwoot_takes() -> None:
    assert len(set(OURS)) == len(OURS) == len(LABELS)
    for label in LABELS:
        assert LABEL.fullmatch(label.title), label.title
        assert label.title == label.title.lower()
        assert re.fullmatch(r"#[0-9a-f]{6}", label.colour)
        assert label.description


def test_attributes_are_what_chatwoot_takes() -> None:
    assert len({(one.of, one.key) for one in ATTRIBUTES}) == len({one.key for one in ATTRIBUTES}) == len(ATTRIBUTES)
    for one in ATTRIBUTES:
        assert re.fullmatch(r"[a-z_]+", one.key)
        assert one.key not in RESERVED
        assert bool(one.values) is (one.kind == "list")
        assert one.name


def test_every_outcome_reason_and_objection_has_words() -> None:
    assert tuple(STAGE_WORDS) == STAGES
    assert set(OUTCOMES) == set(get_args(Outcome))
    assert set(OUTCOME_LABELS) == set(get_args(Outcome)) - {"handed_over"}
    assert set(REASONS) == set(get_args(HandoffReason))
    assert set(OBJECTIONS) == set(get_args(Objection))


def test_every_reason_that_the_agent_has_is_known_here() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in Path("src/agent/stages").glob("*.py"))
    told = set(re.findall(r'call_human\(turn, "(\w+)"', sources)) | set(re.findall(r'Handoff\("(\w+)"', sources))
    assert told
    assert told <= set(REASONS)


# --- the lead of whole sales --------------------------------------------------------------------------------------------


def test_the_lead_of_a_sale_from_the_first_word_to_the_acceptance() -> None:
    talk = Talk()
    talk.say("hola")
    shown = lead_of(talk.conversation, RULES)
    assert (shown.labels, shown.priority, shown.team) == (("inicio",), "", "")
    talk.press("consent:yes")
    assert lead_of(talk.conversation, RULES).labels == ("needs_analysis", "lead-frio")
    talk.answer_until()
    shown = lead_of(talk.conversation, RULES)
    assert (shown.labels, shown.priority) == (("presentacion_propuesta", "lead-templado"), "medium")
    assert shown.person["monthly_income"] == 1900
    assert shown.conversation["need_capital"] == 240_000
    assert shown.conversation["price_esencial"] == float(talk.conversation.quotes[0].monthly_premium)
    assert shown.conversation["selected_quote"] is None
    talk.choose(1)
    assert lead_of(talk.conversation, RULES).labels == ("presentacion_propuesta", "lead-caliente")
    talk.accept()
    shown = lead_of(talk.conversation, RULES)
    assert (shown.labels, shown.priority, shown.team) == (("finalizado", "lead-caliente", "aceptado"), "urgent", "ventas")
    assert shown.conversation["selected_quote"] == "Equilibrada: 240.000 € de capital por 18,16 € al mes"
    assert (shown.conversation["consent"], shown.conversation["consent_at"]) == (True, "2026-11-20")
    assert shown.conversation["score"] == 100
    assert (shown.name, shown.email) == ("Ana", "")


def test_what_was_told_before_consent_is_not_shown() -> None:
    talk = Talk()
    talk.say("hola, tengo 35 años y no fumo")
    shown = lead_of(talk.conversation, RULES)
    assert {key for key, value in shown.person.items() if value is not None} == {WRITTEN}
    assert shown.conversation["consent"] is None


def test_whoever_starts_anew_leaves_nothing_behind() -> None:
    talk = at_proposal()
    talk.press("restart")
    shown = lead_of(talk.conversation, RULES)
    assert shown.person["age"] is None
    assert shown.conversation["price_completa"] is None


@pytest.mark.parametrize("name", [f"D{number:02}" for number in range(1, 41)])
def test_the_lead_of_every_dialogue(name: str) -> None:
    talk = BEGINNINGS[name]()
    for turn in DIALOGUES[name]["turns"]:
        talk.say(turn["user"])
        now = talk.conversation
        if talk.step.handoff and now.owner == "human":
            now = with_human(now, talk.step.handoff.reason, talk.now)
        assert_shown_well(now)
        if "quote" in now.consents and now.consents["quote"].given:
            assert lead_of(now, RULES).labels[1] in TEMPERATURE_LABELS.values()


PROPOSAL = at_proposal().conversation


# --- the rules ----------------------------------------------------------------------------------------------------------


def after(*meanings: str) -> Callable[[], Conversation]:
    def play() -> Conversation:
        talk = at_proposal()
        for meaning in meanings:
            talk.mean(meaning)
        handed = talk.step.handoff
        return (
            with_human(talk.conversation, handed.reason) if handed and talk.conversation.owner == "human" else talk.conversation
        )

    return play


def at_chosen() -> Conversation:
    talk = at_proposal()
    talk.choose(0)
    return talk.conversation


def chosen_and(reason: str) -> Callable[[], Conversation]:
    return lambda: with_human(at_chosen(), reason)


def accepted() -> Conversation:
    talk = at_proposal()
    talk.choose(1)
    talk.accept()
    return talk.conversation


def quoted(**answers: Any) -> Callable[[], Conversation]:
    return lambda: at_proposal(**answers).conversation


FIRES: dict[str, Callable[[], Conversation]] = {
    "somebody in danger: a person first, not a lead": after("self_harm"),
    "threats are looked at soon": after("threat"),
    "accepted: the papers are to be closed today": accepted,
    "too old for this insurance, but perhaps not for another one": lambda: with_human(
        conversation(stage="FINALIZADO", outcome="ineligible", consents=yes()), "over_age"
    ),
    "over: no, not possible, not wanted": after("decline"),
    "chose an option and waits for a person": chosen_and("asked"),
    "the bot may not price this: medical selection, a risky job, something about health": lambda: with_human(
        conversation(stage="COTIZACION", consents=yes()), "medical_selection"
    ),
    "wants to talk to a person": after("human"),
    "insults: whoever answers, it is not in a hurry": after("insult", "insult"),
    "the bot could not go on": lambda: with_human(conversation(), "not_understood"),
    "chose an option, has not accepted yet": at_chosen,
    "let the proposal run out": lambda: msgspec.structs.replace(at_proposal().conversation, outcome="expired"),
    "has prices, and a family to protect": quoted(),
    "has prices, and a mortgage": quoted(dependents=0),
    "has prices": quoted(dependents=0, mortgage_balance=0),
    "finds it dear, or compares: a good moment for a person, not a reason to give up": after("objection:price"),
    "sees no need for it": after("objection:need"),
    "left an e-mail address": after('email="ana@example.com"'),
    "answers questions, and somebody depends on the income": lambda: Talk().agree().answer_until("monthly_income").conversation,
    "answers questions, and has a mortgage": lambda: conversation(
        stage="NEEDS_ANALYSIS", consents=yes(), profile={"mortgage_balance": 50_000}
    ),
    "agreed to get a quote": lambda: Talk().agree().conversation,
}


def test_every_rule_has_its_lead() -> None:
    assert set(FIRES) == {rule.name for rule in RULES.rule}


@pytest.mark.parametrize("name", FIRES)
def test_every_rule_decides_something(name: str) -> None:
    one = FIRES[name]()
    without = Rules(tuple(rule for rule in RULES.rule if rule.name != name), RULES.team)
    assert RULES.judge(one) != without.judge(one)
    assert_shown_well(one)


@pytest.mark.parametrize(
    ("named", "temperature", "priority", "team"),
    [
        ("somebody in danger: a person first, not a lead", "frio", "urgent", ""),
        ("chose an option and waits for a person", "caliente", "urgent", "ventas"),
        ("over: no, not possible, not wanted", "frio", "", ""),
        ("wants to talk to a person", "templado", "high", "ventas"),
        ("let the proposal run out", "templado", "low", ""),
        ("insults: whoever answers, it is not in a hurry", "frio", "low", ""),
    ],
)
def test_what_the_rules_come_to(named: str, temperature: str, priority: str, team: str) -> None:
    verdict = RULES.judge(FIRES[named]())
    assert (verdict.temperature, verdict.priority, verdict.team) == (temperature, priority, team)


PRICED = msgspec.structs.replace(
    PROPOSAL, memory=Memory(objections=["price"]), profile={**PROPOSAL.profile, "email": "ana@example.com"}
)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("{}", True),
        ('{ stage = ["INICIO", "PRESENTACION_PROPUESTA"] }', True),
        ('{ stage = ["INICIO"] }', False),
        ("{ stage = [] }", False),
        ('{ outcome = ["expired"] }', False),
        ('{ handoff = ["asked"] }', False),
        ('{ objection = ["need", "price"] }', True),
        ('{ objection = ["need"] }', False),
        ("{ consented = true }", True),
        ("{ consented = false }", False),
        ("{ quoted = false }", False),
        ("{ chosen = false }", True),
        ('{ known = ["email", "age"] }', True),
        ('{ known = ["email", "savings"] }', False),
        ("{ at_least = { dependents = 2, mortgage_balance = 50000 } }", True),
        ("{ at_least = { dependents = 3 } }", False),
        ("{ at_least = { savings = 0 } }", False),
        ("{ at_least = { smoker = 0 } }", False),
        ("{ chosen = false, quoted = false }", False),
    ],
)
def test_everything_that_a_rule_names_must_hold(tmp_path: Path, condition: str, holds: bool) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'[[rule]]\nname = "a"\npriority = "high"\nwhen = {condition}', encoding="utf-8")
    rules, fault = load_rules(file)
    assert fault == ""
    assert (rules.judge(PRICED).priority == "high") is holds


def test_a_reason_counts_only_while_a_person_has_the_conversation() -> None:
    at_hand = with_human(conversation(), "threat")
    assert RULES.judge(at_hand).priority == "high"
    assert RULES.judge(msgspec.structs.replace(at_hand, owner="bot")).priority == ""


def test_after_the_hand_back_the_lead_is_the_sales_again() -> None:
    at_hand = taken_over(at_proposal().conversation, START)
    assert HANDED_OVER.title in lead_of(at_hand, RULES).labels
    shown = lead_of(handed_back(at_hand, ()), RULES)
    assert HANDED_OVER.title not in shown.labels
    assert shown.conversation["handoff_reason"] is None


@pytest.mark.parametrize(
    ("written", "where"),
    [
        ("rule = 3", "$.rule"),
        ('[[rule]]\nname = "a"\nwhen.stage = ["SOON"]', "$.rule[0].when.stage[0]"),
        ('[[rule]]\nname = "a"\nwhen = {}\ntemprature = "frio"', "`temprature`"),
        ('[[rule]]\nname = "a"\nwhen.at_least = { income = 1 }', "$.rule[0].when.at_least"),
        ('[[rule]]\nname = "a"\nwhen = {}\nteam = "nobody"', "$.rule[0].team"),
        ('[[team]]\nname = "A"\n[[team]]\nname = "a"\n[[rule]]\nname = "a"\nwhen = {}', "$.team[1].name"),
        ('[[rule]]\nname = "a"\nwhen = {}\npoints = 1000', "$.rule[0].points"),
        ("[[rule]", "line 1"),
        ("\xff", "utf-8"),
    ],
)
def test_a_broken_file_is_told_with_its_place_and_ours_serves(tmp_path: Path, written: str, where: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(written.encode("latin-1"))
    rules, fault = load_rules(file)
    assert rules == RULES
    assert "mine.toml" in fault
    assert where in fault


def test_a_file_that_is_not_there_is_told() -> None:
    rules, fault = load_rules(Path("nowhere.toml"))
    assert (rules, fault) == (RULES, "nowhere.toml: No such file or directory")


def test_a_house_without_teams_names_none(tmp_path: Path) -> None:
    kept = [line for line in OWN_RULES.read_text(encoding="utf-8").splitlines() if not line.startswith("team = ")]
    text = re.sub(r"\[\[team\]\]\nname = .*\ndescription = .*\n", "", "\n".join(kept))
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    rules, fault = load_rules(tmp_path / "mine.toml")
    assert (fault, rules.team) == ("", ())
    assert lead_of(accepted(), rules).team == ""


# --- any state there may be ---------------------------------------------------------------------------------------------

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": st.text(min_size=1, max_size=128),
    "birth_date": st.dates(date(1900, 1, 1), TODAY).map(date.isoformat),
    "age": st.integers(0, 120),
    "smoker": st.booleans(),
    "occupation": st.text(min_size=1, max_size=3000),
    "occupation_class": st.integers(1, 4),
    "marital_status": st.sampled_from(("single", "married", "partner", "divorced", "widowed")),
    "dependents": st.integers(0, 20),
    "monthly_income": st.one_of(st.integers(0, 1_000_000), st.floats(0, 1_000_000)),
    "savings": st.one_of(st.integers(0, 10**12), st.floats(0, 10**12)),
    "email": st.emails(),
}
STATES = st.builds(
    conversation,
    stage=st.sampled_from(STAGES),
    outcome=st.sampled_from((None, *get_args(Outcome))),
    owner=st.sampled_from(("bot", "human")),
    profile=st.fixed_dictionaries({}, optional=VALUES),
    need=st.sampled_from((None, PROPOSAL.need)),
    quotes=st.sampled_from(([], PROPOSAL.quotes, PROPOSAL.quotes[:1], [msgspec.structs.replace(PROPOSAL.quotes[0], tier="")])),
    selected_quote=st.sampled_from((None, "gone", *(quote.id for quote in PROPOSAL.quotes))),
    consents=st.sampled_from(({}, yes(), {"quote": Consent(given=False, at=START, text_version="es-1")})),
    memory=st.builds(
        Memory,
        handoff=st.none() | st.sampled_from((*REASONS, "something new")).map(lambda reason: Called(START, reason)),
        objections=st.lists(st.sampled_from((*OBJECTIONS, "something new"))),
    ),
)


@given(STATES)
@settings(max_examples=150)
def test_any_state_is_shown_well(one: Conversation) -> None:
    assert_shown_well(decode(encode(one)))


@given(
    st.booleans(),
    st.lists(
        st.one_of(MEANINGS.map(lambda meaning: ("mean", meaning)), UTTERANCES.map(lambda text: ("say", text))), max_size=12
    ),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_somebody_says_their_lead_and_its_note_can_be_shown(begins_at_the_proposal: bool, moves: Any) -> None:
    talk = at_proposal() if begins_at_the_proposal else Talk()
    earlier = [attributes_of(talk.conversation)]
    for move, what in moves:
        getattr(talk, move)(what)
        handed = talk.step.handoff
        if handed and talk.conversation.owner == "human":
            talk.conversation = with_human(talk.conversation, handed.reason, talk.now)
        assert_shown_well(talk.conversation)
        assert NOTES.about(talk.conversation, handed.reason if handed else "operator", talk.now)
        for before in (*earlier, attributes_of(talk.conversation)):
            assert profile_from_attributes(before, talk.conversation, TODAY).changes == {}
        earlier.append(attributes_of(talk.conversation))


# --- what humans edit ---------------------------------------------------------------------------------------------------


def attributes_of(one: Conversation) -> dict[str, Any]:
    """The attributes as they come back from the CRM, which writes e-mails in lower case, through our door, which cleans."""
    lead = lead_of(one, RULES)
    shown = tree_of({key: value for key, value in lead.person.items() if value is not None})
    return {**shown, "name": name_of(lead.name), "email": line_of(lead.email.lower(), 254)}


def edited(one: Conversation, **changes: Any) -> dict[str, Any]:
    return profile_from_attributes({**attributes_of(one), **changes}, one, TODAY).changes


@given(STATES)
@settings(max_examples=150)
def test_an_echo_changes_nothing(one: Conversation) -> None:
    assert profile_from_attributes(attributes_of(one), one, TODAY).changes == {}


@given(STATES, STATES)
@settings(max_examples=150)
def test_an_echo_that_comes_late_changes_nothing(then: Conversation, now: Conversation) -> None:
    assert profile_from_attributes(attributes_of(then), now, TODAY).changes == {}


def test_what_a_human_edits_is_the_profiles_and_the_bot_says_so() -> None:
    talk = at_proposal()
    changes = edited(talk.conversation, smoker=True)
    assert changes == {"smoker": True}
    talk.conversation = correct(talk.conversation, changes, talk.now, "chatwoot")
    assert talk.conversation.profile_sources["smoker"].by == "human"
    talk.say("¿cuánto sería?")
    assert "Fuma" in talk.text
    assert profile_from_attributes(attributes_of(talk.conversation), talk.conversation, TODAY).changes == {}


@pytest.mark.parametrize(
    ("key", "told", "value"),
    [
        ("age", "36", 36),
        ("age", 36.0, 36),
        ("monthly_income", "2100,50", 2100.5),
        ("smoker", "true", True),
        ("marital_status", "casado o casada", "married"),
        ("marital_status", "married", "married"),
        ("birth_date", "1990-05-03", "1990-05-03"),
        ("birth_date", "1990-05-02T22:00:00.000Z", "1990-05-03"),  # midnight in Madrid
        ("birth_date", "1990-05-03T00:00:00.000Z", "1990-05-03"),
        ("birth_date", "1990-05-03T05:00:00.000Z", "1990-05-03"),  # midnight in New York
        ("name", "Marta Gil", "Marta Gil"),
        ("email", "marta@example.com", "marta@example.com"),
        ("occupation", " electricista ", "electricista"),
    ],
)
def test_a_value_is_understood_as_the_crm_writes_it(key: str, told: Any, value: Any) -> None:
    assert edited(PROPOSAL, **{key: told}) == {key: value}


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("age", 300),
        ("age", "thirty"),
        ("age", [35]),
        ("age", {"a": 1}),
        ("smoker", "perhaps"),
        ("dependents", -1),
        ("marital_status", ["married"]),
        ("marital_status", "in love"),
        ("birth_date", "2030-01-01"),
        ("birth_date", "9999-12-31T23:00:00Z"),
        ("occupation", "DNI 12345678Z"),
        ("occupation", "diabético"),
        ("email", "nobody"),
        ("occupation_class", 5),
    ],
)
def test_what_cannot_be_is_left_alone_with_a_reason(key: str, told: Any) -> None:
    edits = profile_from_attributes({**attributes_of(PROPOSAL), key: told}, PROPOSAL, TODAY)
    assert edits.changes == {}
    assert list(edits.ignored) == [key]
    assert "12345678Z" not in edits.ignored[key]


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_an_emptied_attribute_changes_nothing(nothing: Any) -> None:
    assert edited(PROPOSAL, age=nothing) == {}


def test_a_birth_date_goes_before_an_age() -> None:
    edits = profile_from_attributes({**attributes_of(PROPOSAL), "age": 40, "birth_date": "1986-01-02"}, PROPOSAL, TODAY)
    assert (edits.changes, list(edits.ignored)) == ({"birth_date": "1986-01-02"}, ["age"])


def test_attributes_that_we_never_wrote_mean_nothing() -> None:
    assert profile_from_attributes({"age": 40, "savings": 10, "name": "Marta"}, PROPOSAL, TODAY).changes == {}


def test_a_name_that_is_left_there_does_not_come_back() -> None:
    talk = at_proposal()
    there = attributes_of(talk.conversation)
    talk.press("restart")
    left = {**attributes_of(talk.conversation), "name": there["name"]}  # the CRM has no way to have no name
    assert profile_from_attributes(left, talk.conversation, TODAY).changes == {}


def test_the_name_that_whatsapp_has_for_somebody_can_be_corrected() -> None:
    known = conversation(consents=yes(), contact=msgspec.structs.replace(CONTACT, name="Anita 🌸"))
    assert edited(known) == {}
    assert edited(known, name="Ana Gil") == {"name": "Ana Gil"}


def test_an_edit_that_the_prospect_has_overtaken_does_not_come_back() -> None:
    then = attributes_of(PROPOSAL)
    by_human = correct(PROPOSAL, {"age": 36}, START, "chatwoot")
    by_prospect = correct(by_human, {"age": 37}, START + timedelta(minutes=1), "wamid.1")
    assert profile_from_attributes({**then, "age": 36}, by_prospect, TODAY).changes == {}


def test_a_human_may_bring_back_a_value_that_was_replaced() -> None:
    now = correct(PROPOSAL, {"age": 36}, START, "wamid.1")
    assert edited(now, age=35) == {"age": 35}


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), st.text(max_size=50)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from((*PERSON_KEYS, "name", "email", WRITTEN, "other")), JSON))
@settings(max_examples=300)
def test_whatever_comes_is_refused_or_can_be_stored(told: dict[str, Any]) -> None:
    for attributes in (told, {**attributes_of(PROPOSAL), **told}):
        changes = profile_from_attributes(attributes, PROPOSAL, TODAY).changes
        if changes:
            now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
            assert decode(encode(correct(PROPOSAL, changes, now, "chatwoot"))).profile


# --- the documents ------------------------------------------------------------------------------------------------------


def test_the_documents_name_every_label_and_attribute() -> None:
    told = (Path(__file__).resolve().parents[2] / "docs" / "chatwoot.md").read_text(encoding="utf-8")
    assert [name for name in (*OURS, *(one.key for one in ATTRIBUTES), WRITTEN) if f"`{name}`" not in told] == []
