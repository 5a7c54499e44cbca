"""Every kind of server is answered by: a table of imitations, each with its named behaviours, and what each costs once."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from src.errors import AccessDenied, ConfigurationError, Rejected
from src.integrations.openai.check import ModelCheck
from src.integrations.openai.client import OpenAiModel
from src.integrations.openai.dialect import Dialect, Learnt, object_in, providers, text_of
from src.integrations.openai.keys import KeyCommand
from src.settings import Settings, load, read_group
from tests.integrations.test_openai_client import prompt
from tests.kit.rig import Rig, free_port
from tests.kit.simulators.llm.dialects import IMITATIONS

SAID = {"values": [{"key": "age", "value": 45, "evidence": "45"}], "intents": []}
LEARNT_IN = {
    "openai": 1, "gpt5": 3, "azure": 2, "azure_old": 2, "gemini": 3, "mistral": 2, "groq": 2, "deepseek": 3,
    "deepseek_reasoner": 3, "openrouter": 2, "ollama": 2, "llamacpp": 2, "vllm": 2, "lm_studio": 3, "gemma": 2, "plain": 5,
}  # fmt: skip
"""Requests of the first question, when nothing is known of the server: one for each thing that it refuses, and one more."""


@pytest.fixture(scope="module")
def running() -> Iterator[Rig]:
    with Rig(f"http://127.0.0.1:{free_port()}") as rig:
        yield rig


@pytest.fixture
def rig(running: Rig) -> Rig:
    running.reset()
    running.llm.rules({"match": "edad|45", "reply": {"content": json.dumps(SAID)}})
    return running


@pytest.fixture
def model(rig: Rig) -> Iterator[Any]:
    made: list[OpenAiModel] = []

    def of(**changes: Any) -> OpenAiModel:
        env = rig.env("llm")
        given = {"api_key": env["OPENAI_API_KEY"], "base_url": env["OPENAI_BASE_URL"], "model": "some-model", "timeout_s": 20.0}
        made.append(OpenAiModel(**{**given, **changes}))
        return made[-1]

    yield of
    for one in made:
        one.close()


def test_every_imitation_stands_in_the_table() -> None:
    assert LEARNT_IN.keys() == IMITATIONS.keys()


@pytest.mark.parametrize("name", IMITATIONS)
def test_a_server_of_which_nothing_is_known_is_understood_within_the_turn_and_then_at_once(
    rig: Rig, model: Any, name: str, tmp_path: Path
) -> None:
    rig.llm.config(imitates=name)
    learnt = Learnt(tmp_path / "dialects.json")
    first = model(learnt=learnt)
    answer = first.begin().ask(prompt())
    assert (answer.failure, answer.content, answer.calls) == (None, SAID, LEARNT_IN[name])
    assert first.begin().ask(prompt()).calls == 1
    assert model(learnt=learnt).begin().ask(prompt()).calls == 1  # another process, or tomorrow


@pytest.mark.parametrize(
    ("provider", "name", "named"),
    [
        ("openai", "openai", "gpt-4o-mini"),
        ("openai", "gpt5", "gpt-5-mini"),
        ("gemini", "gemini", "gemini-2.5-flash"),
        ("vertex", "gemini", "google/gemini-2.5-flash"),
        ("mistral", "mistral", "mistral-small-latest"),
        ("deepseek", "deepseek", "deepseek-chat"),
        ("vllm", "vllm", "default"),
        ("ollama", "ollama", "qwen2.5:7b"),
    ],
)
def test_a_server_whose_kind_is_named_is_asked_rightly_at_once(
    rig: Rig, model: Any, provider: str, name: str, named: str
) -> None:
    rig.llm.config(imitates=name)
    answer = model(provider=provider, model=named).begin().ask(prompt())
    assert (answer.failure, answer.content, answer.calls) == (None, SAID, 1)


def test_azure_is_asked_at_its_deployment_with_its_key_and_version(rig: Rig, model: Any) -> None:
    rig.llm.config(imitates="azure")
    base = rig.env("llm")["OPENAI_BASE_URL"].removesuffix("/v1")
    answer = model(provider="azure", base_url=base, deployment="broker", api_version="2024-10-21").begin().ask(prompt())
    assert (answer.failure, answer.content) == (None, SAID)
    assert {request["path"] for request in rig.llm.ledger()} == {"/openai/deployments/broker/chat/completions"}


def test_a_wrong_key_is_one_also_where_it_is_a_bad_request(rig: Rig, model: Any) -> None:
    rig.llm.config(imitates="gemini")
    answer = model(api_key="wrong").begin().ask(prompt())
    assert (answer.failure, answer.calls) == ("access_denied", 1)


def test_a_refusal_that_names_nothing_of_ours_is_not_tried_again(rig: Rig, model: Any) -> None:
    rig.llm.faults({"kind": "error", "status": 400, "times": -1})
    assert model().begin().ask(prompt()).calls == 1


def test_what_did_not_work_is_not_kept(rig: Rig, model: Any, tmp_path: Path) -> None:
    learnt = Learnt(tmp_path / "dialects.json")
    rig.llm.config(refuses=["max_completion_tokens", "max_tokens"])
    answer = model(learnt=learnt).begin().ask(prompt())
    assert answer.failure == "rejected"
    assert not (tmp_path / "dialects.json").exists()


def test_a_file_that_cannot_be_read_or_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "dialects.json").write_text("{")
    assert Learnt(tmp_path / "dialects.json").of("x") is None
    (tmp_path / "file").write_text("")
    Learnt(tmp_path / "file" / "dialects.json").keep("x", Dialect())


# --- what a model wrote -----------------------------------------------------------------------------------------------

OBJECT = {"a": {"b": [1, "{"]}}
JSON = json.dumps(OBJECT)


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        f"\ufeff{JSON}",
        f"```json\n{JSON}\n```",
        f"```\n{JSON}\n```",
        f'<think>maybe {{"a": 1}}</think>\n{JSON}',
        f"<thinking>x</thinking>{JSON}",
        f"Claro, {{aquí}} va:\n{JSON}\nEspero que sirva.",
        f'{{"x": 1}} no, mejor: {JSON}',
        f"  {JSON}  ",
    ],
)
def test_the_object_is_found_whatever_is_around_it(text: str) -> None:
    assert object_in(text) == OBJECT


@pytest.mark.parametrize(
    "text", ["", "hola", "[1]", "7", "null", '{"values": [{"key": "age"}', "<think>{}", "{" * 30_000, "```json\n{\n```", '"{}"']
)
def test_where_there_is_none_none_is_found(text: str) -> None:
    assert object_in(text) is None


def test_content_in_parts_is_one_text() -> None:
    assert text_of([{"type": "text", "text": "a"}, "b", {"type": "image"}, 7]) == "ab"
    assert text_of(None) == ""


# --- keys that do not last ----------------------------------------------------------------------------------------------


def test_a_key_that_a_command_prints_is_kept_for_a_while(tmp_path: Path) -> None:
    now, counter = [0.0], tmp_path / "counter"
    counter.write_text("")
    script = (
        f"import pathlib; p = pathlib.Path({str(counter)!r}); p.write_text(p.read_text() + 'x'); print('key' + p.read_text())"
    )
    (tmp_path / "key.py").write_text(script)
    key = KeyCommand(f"{sys.executable} {tmp_path / 'key.py'}", monotonic=lambda: now[0])
    assert (key(), key()) == ("keyx", "keyx")
    now[0] = 301.0
    assert key() == "keyxx"


@pytest.mark.parametrize("command", ["false", "true", "/no/such/program", "printf 'a\\nsecret'"])
def test_a_command_that_gives_no_key_says_so_and_shows_nothing(rig: Rig, model: Any, command: str) -> None:
    with pytest.raises(AccessDenied, match="OPENAI_API_KEY_COMMAND") as refused:
        KeyCommand(command)()
    assert "secret" not in str(refused.value)
    assert model(api_key=KeyCommand(command)).begin().ask(prompt()).failure == "access_denied"


def test_a_command_is_asked_for_the_key_of_each_question(rig: Rig, model: Any) -> None:
    right = rig.env("llm")["OPENAI_API_KEY"]
    assert model(api_key=KeyCommand(f"echo {right}")).begin().ask(prompt()).content == SAID


# --- the doctor ---------------------------------------------------------------------------------------------------------


def check(rig: Rig, **changes: Any) -> dict[str, str]:
    env = rig.env("llm")
    given = {"api_key": env["OPENAI_API_KEY"], "base_url": env["OPENAI_BASE_URL"], "model": "some-model"}
    return ModelCheck(**{**given, **changes}).check()


@pytest.fixture
def answering(rig: Rig) -> Rig:
    rig.llm.rules({"match": "45", "reply": {"content": '{"age": 45}'}})
    return rig


@pytest.mark.parametrize("name", IMITATIONS)
def test_the_doctor_is_content_where_questions_are_answered(answering: Rig, name: str) -> None:
    answering.llm.config(imitates=name)
    found = check(answering)
    assert found["model"] == "some-model"
    assert found["answered in"].endswith(" s")
    parameters = answering.llm.ledger()[-1]["parameters"]
    assert found["asked with"].split(",")[0] in parameters
    assert ("no temperature" in found["asked with"]) == ("temperature" not in parameters)


def test_what_the_doctor_learns_the_sale_knows(answering: Rig, model: Any, tmp_path: Path) -> None:
    answering.llm.config(imitates="plain")
    learnt = Learnt(tmp_path / "dialects.json")
    assert check(answering, learnt=learnt)["asked with"] == "max_tokens, schema in words, no temperature"
    answering.llm.rules({"match": "45", "reply": {"content": json.dumps(SAID)}})
    assert model(learnt=learnt).begin().ask(prompt()).calls == 1


@pytest.mark.parametrize(
    ("options", "fault", "words"),
    [
        ({"refuses": ["max_completion_tokens", "max_tokens"]}, Rejected, "refused"),
        ({"mode": "text_instead_of_json"}, Rejected, "not in the form"),
        ({"mode": "wrong_schema"}, Rejected, "not in the form"),
        ({"strict_models": True}, Rejected, "OPENAI_MODEL"),
        ({"api_key": "another"}, AccessDenied, "OPENAI_API_KEY"),
        ({"api_key": "another", "wrong_key_status": 400}, AccessDenied, "OPENAI_API_KEY"),
    ],
)
def test_the_doctor_is_not_content_where_they_are_not(answering: Rig, options: Any, fault: type[Exception], words: str) -> None:
    answering.llm.config(**options)
    with pytest.raises(fault, match=words):
        check(answering, api_key="rig-openai-key")


# --- settings -----------------------------------------------------------------------------------------------------------


def read(**environment: str) -> Settings:
    return load(environment, dotenv=None)


@pytest.mark.parametrize("name", providers())
def test_a_provider_is_a_preset(name: str) -> None:
    kind = providers()[name]
    given = {"OPENAI_PROVIDER": name, **({"OPENAI_API_KEY": "k"} if kind.key else {})}
    if not kind.base_url:
        with pytest.raises(ConfigurationError, match="OPENAI_BASE_URL: missing"):
            read(**given)
        given["OPENAI_BASE_URL"] = "https://house.example.com/v1/"
    llm = read(**given).llm
    assert llm
    assert (llm.provider, llm.model) == (name, kind.model)
    assert llm.base_url == (kind.base_url or "https://house.example.com/v1")
    assert llm.transcription_model == kind.hears


@pytest.mark.parametrize("name", [name for name, kind in providers().items() if kind.key])
def test_a_provider_that_wants_a_key_says_so(name: str) -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY: missing"):
        read(OPENAI_PROVIDER=name, OPENAI_BASE_URL="https://house.example.com/v1")


def test_geminis_key_alone_is_gemini_and_an_address_of_ones_own_is_nobody_in_particular() -> None:
    gemini, own = read(GEMINI_API_KEY="k").llm, read(OPENAI_API_KEY="k", OPENAI_BASE_URL="https://house.example.com/v1").llm
    assert gemini
    assert (gemini.provider, gemini.transcription_model) == ("gemini", "")
    assert own
    assert (own.provider, own.model, own.transcription_model) == ("", "gpt-4o-mini", "whisper-1")


def test_a_command_turns_it_on_and_is_one_way_to_a_key_not_two() -> None:
    llm = read(OPENAI_API_KEY_COMMAND="echo k").llm
    assert llm
    assert (llm.api_key, llm.api_key_command) == ("", "echo k")
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY_COMMAND"):
        read(OPENAI_API_KEY_COMMAND="echo k", OPENAI_API_KEY="k")


def test_no_command_is_taken_from_a_distance() -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY_COMMAND"):
        read_group(read(), "openai", {"OPENAI_API_KEY_COMMAND": "touch /tmp/x"})
    assert read_group(read(), "openai", {"OPENAI_PROVIDER": "mistral", "OPENAI_API_KEY": "k"}).llm


def test_listening_and_the_look_for_danger_may_go_elsewhere() -> None:
    llm = read(
        OPENAI_PROVIDER="gemini", OPENAI_API_KEY="k", MODERATION="1",
        OPENAI_TRANSCRIPTION_BASE_URL="http://127.0.0.1:9000/v1/", OPENAI_TRANSCRIPTION_API_KEY="t",
        OPENAI_MODERATION_BASE_URL="https://other.example.com/v1", OPENAI_MODERATION_API_KEY="m",
    ).llm  # fmt: skip
    assert llm
    assert (llm.transcription_base_url, llm.transcription_api_key, llm.transcription_model) == (
        "http://127.0.0.1:9000/v1", "t", "whisper-1",
    )  # fmt: skip
    assert (llm.moderation_base_url, llm.moderation_api_key) == ("https://other.example.com/v1", "m")
    same = read(OPENAI_API_KEY="k").llm
    assert same
    assert same.transcription_base_url == same.moderation_base_url == same.base_url
