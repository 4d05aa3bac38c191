"""What a call has cost, by what its agents used and what that costs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, model_validator

from agents.providers.base import ConfigModel

ANY = "*"

OWN = {"bionic", "espeak-ng", "pocketsphinx"}
"""Providers that run on our own CPU: they cost nothing, unless the table says otherwise."""

_MILLION = 1_000_000
_Rate = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")] | None


def _rate() -> Any:
    return Field(default=None, ge=0, le=1_000_000, max_digits=20)


class Price(ConfigModel):
    """What one model costs. What has no rate costs nothing, beside what has one."""

    kind: Literal["llm", "stt", "tts"]
    provider: str = Field(min_length=1, max_length=200)
    """As the call's usage names it."""

    model: str = Field(min_length=1, max_length=200)
    """`*`: any model of the provider that has no price of its own."""

    per_million_input_tokens: _Rate = _rate()
    per_million_cached_input_tokens: _Rate = _rate()
    """Of input that the provider had seen before; null: as any other input."""

    per_million_output_tokens: _Rate = _rate()
    per_million_characters: _Rate = _rate()
    per_audio_minute: _Rate = _rate()

    @property
    def rates(self) -> dict[str, Decimal]:
        """The rates that there are, by their names in JSON."""
        return self.model_dump(by_alias=True, exclude={"kind", "provider", "model"}, exclude_none=True)

    @model_validator(mode="after")
    def _some_rate(self) -> Price:
        if not self.rates:
            raise ValueError("needs a rate, such as `perMillionInputTokens`; one that is free has 0")
        return self


class Prices(ConfigModel):
    """The price table of the settings."""

    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    models: list[Price] = Field(max_length=500)

    @property
    def version(self) -> str:
        """Changes with the table."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def of(self, kind: str, provider: str, model: str) -> Price | None:
        """What a model costs; None where that is unknown."""
        theirs = [each for each in self.models if (each.kind, each.provider) == (kind, provider)]
        for name in (model, ANY):
            for price in theirs:
                if price.model == name:
                    return price
        return None


def used(attempts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the agents of a call used in all, by kind, provider and model. Each had told its own sum."""
    sums: dict[tuple[str, str, str], dict[str, Any]] = {}
    for told in attempts:
        for each in told.get("models", []):
            key = (_kind(each), str(each.get("provider", "")), str(each.get("model", "")))
            kind, provider, model = key
            line = sums.setdefault(key, {"kind": kind, "provider": provider, "model": model})
            for name, count in each.items():
                if isinstance(count, int | float) and not isinstance(count, bool):
                    line[name] = line.get(name, 0) + count
    return list(sums.values())


def _kind(told: Mapping[str, Any]) -> str:
    if kind := told.get("type"):
        return str(kind).removesuffix("_usage")
    if "characters_count" in told:
        return "tts"
    return "stt" if "audio_duration" in told else "llm"


def cost_of(usage: Sequence[Mapping[str, Any]], prices: Prices) -> dict[str, Any]:
    """The cost of a call, line by line. It is null where one of its models has no price, and says which."""
    lines: list[dict[str, Any]] = []
    unknown: list[str] = []
    total = Decimal(0)
    for each in usage:
        price = prices.of(each["kind"], each["provider"], each["model"])
        free = Decimal(0) if each["provider"] in OWN else None
        cost = _cost(each, price) if price else free
        if cost is None:
            unknown.append(f"{each['kind']} {each['provider']}/{each['model']}")
        else:
            total += cost
        rates = {name: float(rate) for name, rate in price.rates.items()} if price else None
        lines.append({**_camel(each), "rates": rates, "cost": None if cost is None else _number(cost)})
    return {
        "currency": prices.currency,
        "total": None if unknown else _number(total),
        "unknown": unknown,
        "lines": lines,
        "prices": prices.version,
    }


def _cost(usage: Mapping[str, Any], price: Price) -> Decimal:
    def count(name: str) -> Decimal:
        return Decimal(str(usage.get(name, 0)))

    def rate(value: Decimal | None) -> Decimal:
        return value or Decimal(0)

    fresh, cached = count("input_tokens"), Decimal(0)
    if price.per_million_cached_input_tokens is not None:
        cached = min(count("input_cached_tokens"), fresh)
    millionths = (
        (fresh - cached) * rate(price.per_million_input_tokens)
        + cached * rate(price.per_million_cached_input_tokens)
        + count("output_tokens") * rate(price.per_million_output_tokens)
        + count("characters_count") * rate(price.per_million_characters)
    )
    return millionths / _MILLION + count("audio_duration") / 60 * rate(price.per_audio_minute)


def _number(cost: Decimal) -> float:
    return float(round(cost, 8))


def _camel(usage: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "input_tokens": "inputTokens",
        "input_cached_tokens": "cachedInputTokens",
        "output_tokens": "outputTokens",
        "characters_count": "characters",
        "audio_duration": "audioSeconds",
    }
    told = {key: usage[key] for key in ("kind", "provider", "model")}
    return told | {new: usage[old] for old, new in names.items() if old in usage}
