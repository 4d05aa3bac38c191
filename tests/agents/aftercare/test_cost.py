"""What calls cost."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from agents.aftercare.cost import Prices, cost_of, used

pytestmark = pytest.mark.unit

TABLE = {
    "currency": "EUR",
    "models": [
        {
            "kind": "llm",
            "provider": "api.openai.com",
            "model": "gpt-4.1-mini",
            "perMillionInputTokens": 0.4,
            "perMillionCachedInputTokens": 0.1,
            "perMillionOutputTokens": 1.6,
        },
        {"kind": "tts", "provider": "p", "model": "*", "perMillionCharacters": 15},
        {"kind": "tts", "provider": "p", "model": "cheap", "perMillionCharacters": 5},
        {"kind": "stt", "provider": "p", "model": "m", "perAudioMinute": 0.006},
    ],
}


def _used(kind: str, provider: str, model: str, **counts: float) -> dict[str, Any]:
    return {"type": f"{kind}_usage", "provider": provider, "model": model, **counts}


LLM = _used(
    "llm", "api.openai.com", "gpt-4.1-mini", input_tokens=1500, input_cached_tokens=500, output_tokens=100
)


def test_tokens_characters_and_seconds_of_every_agent_are_counted() -> None:
    speech = _used("stt", "p", "m", audio_duration=30.0)
    first = {"models": [LLM, _used("tts", "p", "cheap", characters_count=400_000), speech]}
    second = {"models": [LLM, _used("tts", "p", "dear", characters_count=100_000), speech]}
    cost = cost_of(used([first, second]), Prices.model_validate(TABLE))
    lines = {(line["kind"], line["model"]): line["cost"] for line in cost["lines"]}
    assert lines == {
        ("llm", "gpt-4.1-mini"): pytest.approx(2 * (1000 * 0.4 + 500 * 0.1 + 100 * 1.6) / 1e6),
        ("tts", "cheap"): 2.0,
        ("tts", "dear"): 1.5,
        ("stt", "m"): 0.006,
    }
    assert cost["total"] == pytest.approx(sum(lines.values()))
    assert (cost["currency"], cost["unknown"]) == ("EUR", [])


def test_a_model_without_a_price_makes_the_cost_unknown_and_is_named() -> None:
    models = [LLM, _used("llm", "elsewhere", "big", input_tokens=1)]
    cost = cost_of(used([{"models": models}]), Prices.model_validate(TABLE))
    assert cost["total"] is None
    assert cost["unknown"] == ["llm elsewhere/big"]
    assert [line["cost"] is None for line in cost["lines"]] == [False, True]


def test_what_runs_on_our_own_cpu_is_free_unless_it_is_priced() -> None:
    usage = used([{"models": [_used("tts", "espeak-ng", "en", characters_count=2_000_000)]}])
    assert cost_of(usage, Prices(models=[]))["total"] == 0.0
    price = {"kind": "tts", "provider": "espeak-ng", "model": "*", "perMillionCharacters": 1}
    assert cost_of(usage, Prices.model_validate({"models": [price]}))["total"] == 2.0


def test_the_version_changes_with_the_table() -> None:
    one, same = Prices.model_validate(TABLE), Prices.model_validate(TABLE)
    other = Prices.model_validate(TABLE | {"currency": "USD"})
    assert one.version == same.version != other.version


def test_usage_of_an_earlier_version_is_understood() -> None:
    models: list[dict[str, Any]] = [
        {"provider": "p", "model": "m", "characters_count": 1},
        {"provider": "p", "model": "m", "audio_duration": 1.0},
        {"provider": "p", "model": "m", "input_tokens": 1},
    ]
    assert [each["kind"] for each in used([{"models": models}])] == ["tts", "stt", "llm"]


@pytest.mark.parametrize(
    "price",
    [
        {"kind": "llm", "provider": "p", "model": "m"},
        {"kind": "llm", "provider": "p", "model": "m", "perMillionInputTokens": -1},
        {"kind": "video", "provider": "p", "model": "m", "perAudioMinute": 1},
        {"kind": "llm", "provider": "p", "model": "m", "perMilionInputTokens": 1},
    ],
)
def test_prices_that_can_not_be_are_refused(price: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Prices.model_validate({"models": [price]})
