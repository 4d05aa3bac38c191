"""Configs: what is wrong with them is said where it is, and secrets stay apart."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.config import (
    AgentConfig,
    join_secrets,
    keep_secrets,
    missing_secrets,
    parse_config,
    redacted,
    split_secrets,
)
from agents.providers.check import check_providers
from common.errors import InvalidInput

pytestmark = pytest.mark.unit

BASE: dict[str, Any] = {"instructions": "Be kind."}
OPENAI: dict[str, Any] = {"provider": "openai", "options": {"apiKey": "sk-0123456789abcd"}}
LIVEKIT = {"url": "wss://one.example", "apiKey": "key", "apiSecret": "secret-secret-2024"}


def _part(kind: str, provider: str, **options: object) -> dict[str, Any]:
    return {**BASE, kind: {"provider": provider, "options": options}}


BAD: list[tuple[object, str, str]] = [
    (3, "/config", "must be an object"),
    ({}, "/config/instructions", "is required"),
    ({"instructions": "x" * 32_001}, "/config/instructions", "at most 32000"),
    ({**BASE, "gretting": "hi"}, "/config/gretting", "did you mean `greeting`?"),
    ({**BASE, "a/b~c": 1}, "/config/a~1b~0c", "unknown option; known: "),
    ({**BASE, "language": "english please"}, "/config/language", "language code"),
    (_part("stt", "openai", apiKey="k", modle="x"), "/config/stt/options/modle", "did you mean `model`?"),
    (_part("stt", "offline", modle="x"), "/config/stt/options/modle", "known: `grammar`"),
    (_part("stt", "offline", offline=1), "/config/stt/options/offline", "unknown option"),
    ({**BASE, "stt": {"provider": "offline", "offline": 1}}, "/config/stt/offline", "unknown option"),
    (_part("stt", "ofline"), "/config/stt/provider", "did you mean `offline`? Known: `offline`, `openai`"),
    (_part("llm", "gpt"), "/config/llm/provider", "unknown provider; known: `scripted`, `openai`"),
    ({**BASE, "tts": {}}, "/config/tts/provider", "is required"),
    ({**BASE, "tts": None}, "/config/tts", "must be an object"),
    (_part("stt", "offline", grammar=["a", 3]), "/config/stt/options/grammar/1", "must be a string"),
    (_part("llm", "scripted", rules=[{"when": "a"}]), "/config/llm/options/rules/0/say", "is required"),
    (_part("tts", "offline", voice="../../passwd"), "/config/tts/options/voice", "must be a voice name"),
    (_part("tts", "offline", pitch=100), "/config/tts/options/pitch", "less than or equal to 99"),
    (_part("llm", "openai"), "/config/llm/options/apiKey", "required unless `baseUrl`"),
    (_part("llm", "openai", baseUrl="ftp://x"), "/config/llm/options/baseUrl", "must start with http://"),
    (_part("llm", "openai", baseUrl="http://u:p@x"), "/config/llm/options/baseUrl", "user name"),
    (_part("llm", "openai", base_url="http://x", apiKey="k"), "/config/llm/options/base_url", "`baseUrl`"),
    ({**BASE, "turnHandling": {"minEndpointingDelay": 5}}, "/config/turnHandling", "maxEndpointingDelay"),
    ({**BASE, "livekitConfig": {**LIVEKIT, "url": "x"}}, "/config/livekitConfig/url", "wss://"),
    ({**BASE, "livekitConfig": {**LIVEKIT, "url": "ws://"}}, "/config/livekitConfig/url", "needs a host"),
    (
        {**BASE, "livekitConfig": {**LIVEKIT, "apiSecret": None}},
        "/config/livekitConfig/apiSecret",
        "required",
    ),
]


@pytest.mark.parametrize(("data", "pointer", "detail"), BAD, ids=[bad[1] for bad in BAD])
def test_errors_point_at_the_field_and_name_the_cure(data: object, pointer: str, detail: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_config(data)
    assert [error.pointer for error in caught.value.errors] == [pointer]
    assert detail in caught.value.errors[0].detail


def test_every_error_is_told_at_once_and_under_the_prefix() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_config({"video": "maybe", "drainSeconds": 0}, prefix="/body/config")
    assert {error.pointer for error in caught.value.errors} == {
        "/body/config/instructions",
        "/body/config/video",
        "/body/config/drainSeconds",
    }


def test_secrets_are_in_no_error_and_no_repr() -> None:
    canary = "canary-canary-2024"
    data = {**BASE, "livekitConfig": {**LIVEKIT, "url": f"wss://{canary}:x", "apiSecret": canary}}
    with pytest.raises(InvalidInput) as caught:
        parse_config(data)
    assert canary not in repr(caught.value.errors)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert canary not in repr(parse_config(_part("llm", "openai", apiKey=canary)))


def test_defaults_need_nothing_from_outside() -> None:
    config = parse_config(BASE)
    providers = (config.stt.provider, config.llm.provider, config.tts.provider)
    assert providers == ("offline", "scripted", "offline")
    assert config.turn_handling.as_livekit()["interruption"]["enabled"] is True


def test_the_config_imports_nothing_heavy() -> None:
    heavy = ["livekit", "numpy", "pocketsphinx", "openai", "espeakng_loader"]
    code = f"import agents.config, sys; sys.exit(any(name in sys.modules for name in {heavy!r}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


_secret = st.none() | st.text(min_size=1, max_size=40)
_server = st.none() | st.sampled_from(["https://a.example/v1", "http://b.example"])


@st.composite
def _configs(draw: st.DrawFn) -> AgentConfig:
    data: dict[str, Any] = {"instructions": draw(st.text(min_size=1, max_size=20))}
    for kind in ("stt", "llm", "tts"):
        if draw(st.booleans()):
            options = {"apiKey": draw(_secret), "baseUrl": draw(_server)}
            data[kind] = {"provider": "openai", "options": options}
    if draw(st.booleans()):
        data["livekitConfig"] = {"url": "wss://a.example", "apiKey": "k", "apiSecret": draw(_secret)}
    return parse_config(data, complete=False)


@given(_configs())
def test_secrets_leave_and_come_back(config: AgentConfig) -> None:
    public, secrets = split_secrets(config)
    assert join_secrets(public, secrets) == config
    assert all(value not in (None, "") for value in secrets.values())
    assert split_secrets(join_secrets(public, {}))[1] == {}
    shown = redacted(public, secrets)
    assert parse_config(keep_secrets(shown, public, secrets), complete=False) == config
    assert parse_config(keep_secrets(public, public, secrets), complete=False) == config


def _stored() -> tuple[dict[str, Any], dict[str, str]]:
    data = {**BASE, "livekitConfig": LIVEKIT, "llm": {"provider": "openai", "options": {"apiKey": "short"}}}
    return split_secrets(parse_config(data))


def test_redacted_shows_the_end_of_long_secrets_only() -> None:
    public, secrets = _stored()
    assert secrets == {"/livekitConfig/apiSecret": "secret-secret-2024", "/llm/options/apiKey": "short"}
    shown: dict[str, Any] = redacted(public, secrets)
    assert shown["livekitConfig"]["apiSecret"] == {"set": True, "hint": "…2024"}
    assert shown["llm"]["options"]["apiKey"] == {"set": True}
    assert redacted(public, {})["llm"]["options"]["apiKey"] == {"set": False}  # type: ignore[index]


@pytest.mark.parametrize("sent", [{"set": True, "hint": "…2024"}, ...])
def test_a_stored_secret_does_not_follow_to_another_server(sent: object) -> None:
    public, secrets = _stored()
    new: dict[str, Any] = redacted(public, secrets)
    new["livekitConfig"] = {**LIVEKIT, "url": "wss://evil.example", "apiSecret": sent}
    new["llm"]["options"]["baseUrl"] = "https://evil.example/v1"
    if sent is ...:
        del new["livekitConfig"]["apiSecret"]
    with pytest.raises(InvalidInput) as caught:
        parse_config(keep_secrets(new, public, secrets))
    assert [error.pointer for error in caught.value.errors] == ["/config/livekitConfig/apiSecret"]
    assert "short" not in repr(keep_secrets(new, public, secrets))
    assert "secret-secret" not in repr(keep_secrets(new, public, secrets))


def test_a_secret_can_be_replaced_and_removed() -> None:
    public, secrets = _stored()
    new: dict[str, Any] = redacted(public, secrets)
    new["livekitConfig"]["apiSecret"] = "another"
    new["llm"]["options"]["apiKey"] = None
    kept: dict[str, Any] = keep_secrets(new, public, secrets)
    assert kept["livekitConfig"]["apiSecret"] == "another"
    assert kept["llm"]["options"].get("apiKey") is None


def test_providers_are_checked_beyond_their_shape() -> None:
    data = {
        **_part("stt", "offline", grammar=["where is my order", "florbel me", "?!"]),
        "language": "de",
        "tts": {"provider": "offline", "options": {"voice": "xx"}},
    }
    assert [(error.pointer, error.detail.split(";")[0]) for error in check_providers(parse_config(data))] == [
        ("/config/language", "the offline recogniser knows only English, `en`"),
        ("/config/stt/options/grammar/1", "not in the recogniser's dictionary: `florbel`"),
        ("/config/stt/options/grammar/2", "has no words"),
        ("/config/tts/options/voice", "unknown voice `xx`"),
    ]
    assert check_providers(parse_config(BASE)) == []
    keyless = parse_config(_part("tts", "openai"), complete=False)
    assert check_providers(keyless) == missing_secrets(keyless)
    assert [error.pointer for error in missing_secrets(keyless)] == ["/config/tts/options/apiKey"]
