"""What operators do from the pages, seen in the ledger; and that what cannot be done is said where it was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from src.agent import state as states
from src.agent.state import new_conversation
from src.dashboard.pages import LETTERS_SHOWN
from src.desk import jobs
from src.desk.checks import Check, SetupStep
from src.errors import ConfigurationError, Conflict, LedgerUnavailable, TooManyRequests
from src.integrations.simulator_channel import SimulatorChannel
from src.messages import Contact, Outbound
from tests.conftest import Skew
from tests.dashboard.conftest import MARTA, MARTA_KEY, Office, Page, Visitor
from tests.dashboard.test_access import every_rule
from tests.dashboard.test_pages import CANARIES, shape

CONVERSATION = f"/dashboard/conversations/{MARTA_KEY}"
LETTERS = "/dashboard/dead-letters"
ANA = "34600000002"
DAY_S = 86_400.0


class Line(SimulatorChannel):
    """A line like WhatsApp's: receipts follow, and after 24 hours only templates go."""

    @property
    def confirms(self) -> bool:
        return True


def owner(office: Office) -> str:
    record = office.records.record(MARTA_KEY)
    assert record is not None
    return record.owner


def profile(office: Office) -> dict[str, Any]:
    shown = office.desk.conversation(MARTA_KEY)
    assert shown is not None
    return dict(shown["profile"])


def outgoing(office: Office) -> list[Outbound]:
    """What is sent to Marta next."""
    claim = office.ledger.claim("delivery", MARTA_KEY)
    return [jobs.outbound_of(job.body) for job in claim.jobs] if claim else []


def after(operator: Visitor, answer: TestResponse) -> Page:
    """The page that a form led to: always by a redirect, so that loading it again repeats nothing."""
    assert answer.status_code == 303, answer.text
    shown = operator.get(answer.location.partition("#")[0])
    assert shown.status_code == 200
    return Page(shown)


def filled_in(operator: Visitor, **typed: str) -> dict[str, str]:
    """The profile's form as it stands on the page, with these fields typed over."""
    fields = Page(operator.get(CONVERSATION)).fields
    form = {name: value for name, value in fields.items() if name.startswith("before-") or f"before-{name}" in fields}
    assert typed.keys() <= form.keys()
    return {**form, **typed}


# -- whose conversation it is ------------------------------------------------------------------------------------------


def test_a_conversation_is_taken_over_and_handed_back(operator: Visitor, office: Office) -> None:
    office.has_marta()
    page = Page(operator.get(CONVERSATION))
    assert "Take over" in page.text
    assert "goes on answering here until you take over" in page.text
    page = after(operator, operator.post(f"{CONVERSATION}/takeover"))
    assert owner(office) == "human"
    assert "the assistant is silent here" in page.text
    assert "Hand back to the assistant" in page.text
    assert "goes on answering" not in page.text
    page = after(operator, operator.post(f"{CONVERSATION}/handback"))
    assert owner(office) == "bot"
    assert "The assistant has the conversation again" in page.text
    assert "Take over" in page.text


# -- writing -----------------------------------------------------------------------------------------------------------


def test_a_message_goes_out_in_a_persons_name(operator: Visitor, office: Office) -> None:
    office.hears("hola")
    office.settles()
    answer = operator.post(f"{CONVERSATION}/messages", form={"text": "Buenos días,\r\nsoy Laura."})
    assert answer.location.endswith("#newest")
    page = after(operator, answer)
    assert "Your message is on its way" in page.text
    assert "Team Buenos días, soy Laura." in page.text
    (sent,) = outgoing(office)
    assert (sent.speaker, sent.content.kind, sent.content.text) == ("human", "text", "Buenos días,\nsoy Laura.")


@pytest.mark.parametrize("text", ["", "  \n", "x" * 4097])
def test_a_message_that_is_none_is_said_beside_its_field(operator: Visitor, office: Office, text: str) -> None:
    office.hears("hola")
    answer = operator.post(f"{CONVERSATION}/messages", form={"text": text})
    assert answer.status_code == 400
    page = Page(answer)
    assert "from 1 to 4096 characters" in page.text
    assert page.fields["text"].strip() == text.strip()
    assert page.attributes("text")["aria-invalid"] == "true"
    assert "autofocus" in page.attributes("text")
    assert outgoing(office) == []


@pytest.fixture
def late(office: Office, skew: Skew) -> Office:
    """Marta wrote more than a day ago, on a line with a window."""
    office.channels["whatsapp"] = Line()
    office.hears("hola")
    office.settles()
    skew.advance(DAY_S + 60)
    return office


def test_the_window_is_told_before_anything_is_typed(operator: Visitor, late: Office, skew: Skew) -> None:
    page = Page(operator.get(CONVERSATION))
    assert "WhatsApp takes only an approved template" in page.text
    assert "text" not in page.fields
    assert page.fields["language"] == "es"
    skew.advance(-120)
    page = Page(operator.get(CONVERSATION))
    assert "only an approved template" not in page.text
    assert "text" in page.fields
    assert "template" not in page.fields


def test_a_text_after_the_window_is_refused_with_the_reason_and_not_lost(operator: Visitor, late: Office) -> None:
    answer = operator.post(f"{CONVERSATION}/messages", form={"text": "¿Sigue interesada?"})
    assert answer.status_code == 409
    page = Page(answer)
    assert "only an approved template" in page.text
    assert "Not sent ¿Sigue interesada?" in page.text
    assert "template" in page.fields
    assert outgoing(late) == []


def test_a_template_goes_at_any_time(operator: Visitor, late: Office) -> None:
    form = {"template": "seguimiento", "language": "es_ES", "parameters": "Marta\r\nmañana"}
    assert "on its way" in after(operator, operator.post(f"{CONVERSATION}/messages", form=form)).text
    (sent,) = outgoing(late)
    assert sent.content.template is not None
    assert (sent.content.template.name, sent.content.template.language) == ("seguimiento", "es_ES")
    filled = [{"type": "text", "text": "Marta"}, {"type": "text", "text": "mañana"}]
    assert sent.content.template.components == ({"type": "body", "parameters": filled},)


def test_a_template_with_faults_keeps_what_was_right(operator: Visitor, late: Office) -> None:
    form = {"template": "Seguimiento 1", "language": "spanish", "parameters": "Marta"}
    answer = operator.post(f"{CONVERSATION}/messages", form=form)
    assert answer.status_code == 400
    page = Page(answer)
    assert "lower-case letters, digits and underscores" in page.text
    assert "a code such as es" in page.text
    assert {name: page.fields[name] for name in form} == form
    for name in ("template", "language"):
        assert page.attributes(name)["aria-describedby"] == f"wrong-{name}"
    assert outgoing(late) == []


def test_without_a_channel_nothing_can_be_written(operator: Visitor, office: Office) -> None:
    office.hears("hola")
    office.channels.clear()
    page = Page(operator.get(CONVERSATION))
    assert "is not connected any more" in page.text
    assert not {"text", "template"} & page.fields.keys()
    answer = operator.post(f"{CONVERSATION}/messages", form={"text": "hola, Marta"})
    assert answer.status_code == 409
    assert "Not sent hola, Marta" in Page(answer).text


# -- correcting --------------------------------------------------------------------------------------------------------


def test_values_are_corrected_and_the_rest_stays(operator: Visitor, office: Office) -> None:
    office.has_marta()
    before = profile(office)
    form = filled_in(operator, age="37", mortgage_balance="131.500", smoker="yes", email="marta@example.com")
    page = after(operator, operator.post(f"{CONVERSATION}/profile", form=form))
    assert "The facts were corrected" in page.text
    assert "Age 37 years corrected by the team," in page.text
    assert "before: 63 years, 36 years" in page.text
    changed = {"age": 37, "mortgage_balance": 131_500, "smoker": True, "email": "marta@example.com"}
    assert profile(office) == {**before, **changed}
    assert "#m-operator" not in page.links()  # only what the prospect said leads to a message


def test_an_emptied_value_is_forgotten(operator: Visitor, office: Office) -> None:
    office.has_marta()
    after(operator, operator.post(f"{CONVERSATION}/profile", form=filled_in(operator, mortgage_balance="")))
    assert set(profile(office)) == {"name", "age", "smoker"}


def test_what_the_prospect_told_meanwhile_is_not_overwritten(operator: Visitor, office: Office) -> None:
    office.has_marta()
    form = filled_in(operator, name="Marta Ruiz")
    office.operators.correct(MARTA_KEY, {"age": 40})
    after(operator, operator.post(f"{CONVERSATION}/profile", form=form))
    assert (profile(office)["age"], profile(office)["name"]) == (40, "Marta Ruiz")


def test_faults_are_said_in_place_and_nothing_is_half_done(operator: Visitor, office: Office) -> None:
    office.has_marta()
    before = office.desk.conversation(MARTA_KEY)
    typed = {"age": "400", "email": "nobody", "savings": "12.000", "smoker": "yes", "term_years": ""}
    answer = operator.post(f"{CONVERSATION}/profile", form=filled_in(operator, **typed))
    assert answer.status_code == 400
    page = Page(answer)
    assert "Nothing was changed yet" in page.text
    assert "a number from 0 to 120" in page.text
    assert "an address such as name@example.com" in page.text
    assert (page.fields["age"], page.fields["email"], page.fields["savings"]) == ("400", "nobody", "12.000")
    assert [attributes for tag, attributes in page.elements if tag == "details" and "open" in attributes]
    invalid = [attributes["name"] for _, attributes in page.elements if attributes.get("aria-invalid")]
    assert sorted(str(name) for name in invalid) == ["age", "email"]
    assert office.desk.conversation(MARTA_KEY) == before
    assert page.fields["smoker"] == "yes"
    # the same page, mended, does what was meant at first
    mended = {**page.fields, "age": "40", "email": ""}
    after(operator, operator.post(f"{CONVERSATION}/profile", form=mended))
    assert {key: profile(office).get(key) for key in ("age", "email", "savings", "smoker")} == {
        "age": 40, "email": None, "savings": 12_000, "smoker": True,
    }  # fmt: skip


def test_a_form_in_which_nothing_was_changed_changes_nothing(operator: Visitor, office: Office) -> None:
    office.has_marta()
    before = office.desk.conversation(MARTA_KEY)
    assert "Nothing was changed" in after(operator, operator.post(f"{CONVERSATION}/profile", form=filled_in(operator))).text
    assert office.desk.conversation(MARTA_KEY) == before


@pytest.mark.parametrize("canary", CANARIES)
def test_what_was_typed_stays_text_when_it_is_shown_again(operator: Visitor, late: Office, canary: str) -> None:
    def answers(typed: str) -> list[Page]:
        form = filled_in(operator, name=typed, occupation=typed, age=typed)
        return [
            Page(operator.post(f"{CONVERSATION}/profile", form=form)),
            Page(operator.post(f"{CONVERSATION}/messages", form={"text": typed})),
            Page(operator.post(f"{CONVERSATION}/messages", form={"template": typed, "language": typed, "parameters": typed})),
        ]

    pages = answers(canary)
    assert [shape(page) for page in pages] == [shape(page) for page in answers("HARMLESS")]
    assert [pages[0].fields[name] for name in ("name", "occupation", "age")] == [canary] * 3
    assert canary in pages[1].text
    assert [pages[2].fields[name] for name in ("template", "language", "parameters")] == [canary] * 3


# -- the pause ---------------------------------------------------------------------------------------------------------


def test_a_pause_is_seen_on_every_page_until_it_ends(operator: Visitor, office: Office) -> None:
    office.has_marta()
    assert "The assistant is paused" not in Page(operator.get("/dashboard/activity")).text
    page = after(operator, operator.post("/dashboard/pause"))
    assert "The assistant is silent everywhere" in page.text
    assert office.operators.paused()
    for method, path, rule in every_rule(operator.app):
        if method == "GET" and not rule.startswith(
            ("/login", "/dashboard/static", "/dashboard/language", "/dashboard/try/messages", "/dashboard/live", "/dashboard/<")
        ):
            answer = operator.get(path, follow_redirects=True)
            assert "The assistant is paused" in Page(answer).text, path
            assert ("Pause everywhere" in answer.text) is False
    assert "The assistant is paused" in Page(operator.get("/dashboard/nothing")).text
    assert "The assistant is paused" not in Page(Visitor(operator.app).get("/login")).text
    page = after(operator, operator.post("/dashboard/resume"))
    assert "The assistant speaks again" in page.text
    assert "The assistant is paused" not in page.text
    assert "Pause everywhere" in page.text
    assert not office.operators.paused()


# -- dead letters ------------------------------------------------------------------------------------------------------


def test_a_dead_letter_is_shown_with_its_reason_and_tried_again(operator: Visitor, office: Office) -> None:
    assert "Nothing is stuck" in Page(operator.get(LETTERS)).text
    letter_id = office.gives_up(reason="BotFailed: three times")
    overview = Page(operator.get("/dashboard/technical"))
    assert "1 message stuck" in overview.text
    assert LETTERS in overview.links()
    page = Page(operator.get(LETTERS))
    for shown in ("to be answered", "BotFailed: three times", "1 attempt ", letter_id):
        assert shown in page.text, shown
    assert CONVERSATION in page.links()
    page = after(operator, operator.post(f"{LETTERS}/{letter_id}/replay"))
    assert "tried again" in page.text
    assert "Nothing is stuck" in page.text
    claim = office.ledger.claim("turns", MARTA_KEY)
    assert claim is not None
    assert [jobs.inbound_of(job.body).text for job in claim.jobs] == ["¿hola?"]


def test_a_dead_letter_that_is_gone_is_said(operator: Visitor, office: Office) -> None:
    letter_id = office.gives_up()
    for notice in ("tried again", "gone already"):
        assert notice in after(operator, operator.post(f"{LETTERS}/{letter_id}/replay")).text


def test_all_of_them_are_tried_again_when_it_is_meant(operator: Visitor, office: Office) -> None:
    for number in (MARTA, ANA):
        office.gives_up(number)
    for form in ({}, {"confirmed": "no"}):
        assert operator.post(f"{LETTERS}/replay", form=form).status_code == 400
    assert len(office.operators.dead_letters()) == 2
    page = after(operator, operator.post(f"{LETTERS}/replay", form={"confirmed": "yes"}))
    assert "Nothing is stuck" in page.text
    assert office.operators.dead_letters() == []
    for number in (MARTA, ANA):
        assert office.ledger.claim("turns", f"whatsapp:{number}") is not None


def test_who_waited_longest_is_first(operator: Visitor, office: Office, skew: Skew, monkeypatch: pytest.MonkeyPatch) -> None:
    replayed: list[str] = []
    for number in (ANA, MARTA):
        office.gives_up(number)
        skew.advance(1)
    monkeypatch.setattr(office.operators, "replay_letter", lambda letter: replayed.append(letter.contact) or True)
    operator.post(f"{LETTERS}/replay", form={"confirmed": "yes"})
    assert replayed == [f"whatsapp:{ANA}", MARTA_KEY]


def test_a_long_list_of_dead_letters_says_that_there_are_more(operator: Visitor, office: Office) -> None:
    for number in range(LETTERS_SHOWN + 1):
        office.gives_up(f"346000{number:05d}")
    page = Page(operator.get(LETTERS))
    assert f"These are the newest {LETTERS_SHOWN}" in page.text
    assert page.text.count("Try again") == LETTERS_SHOWN


# -- checks ------------------------------------------------------------------------------------------------------------


def test_checks_are_shown_with_what_to_do(new_app: Callable[..., Flask]) -> None:
    asked = []

    def checks() -> Sequence[Check]:
        asked.append(1)
        return [Check("store", True, "answers: valkey 8"), Check("workers", False, "0 alive of 2", "start one")][: len(asked)]

    visitor = Visitor(new_app(checks=checks))
    visitor.log_in()
    page = Page(visitor.get("/dashboard/checks"))
    assert "All is well" in page.text
    assert "store well answers: valkey 8" in page.text
    page = Page(visitor.get("/dashboard/checks"))
    assert "Not well: 1 of 2" in page.text
    assert "workers not well 0 alive of 2 start one" in page.text


# -- chatwoot ----------------------------------------------------------------------------------------------------------

CHATWOOT = "/dashboard/chatwoot"


def test_without_an_account_the_page_says_what_to_set(operator: Visitor) -> None:
    page = Page(operator.get(CHATWOOT))
    assert "CHATWOOT_USER_TOKEN" in page.text
    assert "Set it up" not in page.text
    assert operator.post(CHATWOOT).status_code == 409


def test_chatwoot_is_set_up_at_a_click_and_each_step_is_shown(new_app: Callable[..., Flask]) -> None:
    runs = []

    def set_up() -> Sequence[SetupStep]:
        runs.append(1)
        left = SetupStep("teams", "failed", "this token <b>may not</b>", "Settings > Teams: add ventas")
        return [SetupStep("inbox", "made", "number 5"), left][: 3 - len(runs)]

    visitor = Visitor(new_app(set_up_chatwoot=set_up))
    visitor.log_in()
    assert "Set it up" in Page(visitor.get(CHATWOOT)).text
    assert runs == []
    assert visitor.post(CHATWOOT, csrf="wrong").status_code == 403
    assert runs == []
    page = Page(visitor.post(CHATWOOT))
    assert "Left to do: 1 of 2" in page.text
    assert "inbox made number 5" in page.text
    assert "teams failed this token <b>may not</b> Settings > Teams: add ventas" in page.text
    assert "Everything is there" in Page(visitor.post(CHATWOOT)).text


# -- when it cannot be done --------------------------------------------------------------------------------------------


ACTS = ("takeover", "handback", "messages", "profile", "reset", "erase")
FILLED = {"text": "hola", "age": "40", "confirmed": "yes"}


@pytest.mark.parametrize("act", ACTS)
def test_nobody_can_be_acted_on(operator: Visitor, act: str) -> None:
    answer = operator.post(f"/dashboard/conversations/34699999999/{act}", form=FILLED)
    assert answer.status_code == 404
    assert "nobody is known" in Page(answer).text


@pytest.mark.parametrize("act", ["takeover", "handback", "profile"])
def test_what_a_newer_version_stored_is_left_alone(operator: Visitor, office: Office, act: str) -> None:
    office.hears("hola")
    contact = Contact(key=MARTA_KEY, channel="whatsapp", phone=f"+{MARTA}")
    newer = msgspec.structs.replace(new_conversation(contact, office.ledger.server_time()), schema=states.SCHEMA + 1)
    office.settles(state=states.encode(newer))
    answer = operator.post(f"{CONVERSATION}/{act}", form=FILLED)
    assert answer.status_code == 409
    page = Page(answer)
    assert "A newer version of this program" in page.text
    assert CONVERSATION in page.links()
    assert owner(office) == "bot"


class Failing:
    """A part that always fails in the same way, except where it is told not to."""

    def __init__(self, fault: Exception, **works: Any) -> None:
        self._fault = fault
        self.__dict__.update(works)

    def __getattr__(self, _: str) -> Callable[..., Any]:
        def fail(*_: Any, **__: Any) -> Any:
            raise self._fault

        return fail


FAULTS: list[tuple[Exception, int, str]] = [
    (LedgerUnavailable("refused by redis://user:secret@host"), 503, "The message store cannot be reached"),
    (ConfigurationError(["REDIS_URL: secret"]), 503, "not configured rightly"),
    (Conflict("busy", "The conversation kept changing; please try again."), 409, "kept changing"),
    (RuntimeError("secret"), 500, "Something went wrong here"),
]


@pytest.mark.parametrize(("fault", "status", "words"), FAULTS)
def test_every_fault_is_a_page(
    new_app: Callable[..., Flask], office: Office, fault: Exception, status: int, words: str
) -> None:
    office.has_marta()
    visitor = Visitor(new_app(operators=Failing(fault, obstacle=lambda _: None, paused=lambda: False)))
    visitor.log_in()
    paths = [*(f"{CONVERSATION}/{act}" for act in ACTS[:4]), "/dashboard/pause", "/dashboard/resume", f"{LETTERS}/x/replay"]
    for path in paths:
        answer = visitor.post(path, form=FILLED)
        assert answer.status_code == status, path
        assert answer.mimetype == "text/html"
        assert words in Page(answer).text, path
        assert "secret" not in answer.text
        assert "Content-Security-Policy" in answer.headers
    for_scripts = visitor.get(LETTERS, headers={"Accept": "application/json"})
    assert (for_scripts.status_code, set(for_scripts.json["error"])) == (status, {"code", "message"})


def test_who_is_refused_for_a_while_is_told_so_by_a_page(app: Flask) -> None:
    @app.before_request
    def refuse() -> None:
        raise TooManyRequests("Too many requests from this address.", retry_after_s=7)

    answer = Visitor(app).get("/dashboard/activity")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert "Too many requests" in Page(answer).text


def test_one_can_log_out_of_a_dashboard_whose_store_is_gone(new_app: Callable[..., Flask]) -> None:
    gone = Failing(LedgerUnavailable("gone"))
    visitor = Visitor(new_app(desk=gone, operators=gone))
    visitor.log_in()
    page = Page(visitor.get("/dashboard/activity"))
    assert "cannot be reached" in page.text
    assert visitor.post("/logout", csrf=page.fields["csrf"]).location == "/login"


def test_addresses_that_are_no_page_are_said_by_a_page(operator: Visitor, stranger: Visitor) -> None:
    for path in ("/dashboard/nothing", f"{CONVERSATION}/nothing/more", f"{CONVERSATION}/takeover"):
        answer = operator.get(path)
        assert (answer.status_code, answer.mimetype) == (404, "text/html"), path
        assert "There is no such page" in Page(answer).text
        assert stranger.get(path).location == "/login"  # who is nobody learns of no page
    assert operator.get("/dashboard", follow_redirects=True).request.path == "/dashboard/conversations"


def test_every_form_can_be_sent_by_keyboard_and_is_labelled(operator: Visitor, office: Office) -> None:
    office.has_marta()
    office.gives_up(ANA)
    for path in (CONVERSATION, LETTERS, "/dashboard/activity", "/dashboard/technical"):
        page = Page(operator.get(path))
        labelled = {attributes.get("for") for tag, attributes in page.elements if tag == "label"}
        for tag, attributes in page.elements:
            if tag in ("input", "select", "textarea") and attributes.get("type") not in ("hidden", "checkbox"):
                assert attributes.get("id") in labelled, attributes
        forms = [attributes for tag, attributes in page.elements if tag == "form"]
        senders = [attributes for tag, attributes in page.elements if tag == "button" and attributes.get("type") != "button"]
        assert len(senders) == len(forms)
        assert all(form["method"] == "post" or form.get("role") == "search" for form in forms)
