"""What differs between two configs."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.config import parse_config, redacted, split_secrets
from api.diffs import Difference, differences
from db.repositories.agents import StoredConfig

pytestmark = pytest.mark.unit

KEY = "a-key-that-is-long-and-ends-in-abcd"
SAME_HINT = "another-key-that-is-long-and-ends-in-abcd"

SCALARS = st.none() | st.booleans() | st.integers(2, 9) | st.text(max_size=3)
KEYS = st.text(alphabet="ab/~ 0", max_size=2)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
RULES = st.lists(
    st.fixed_dictionaries({"when": st.sampled_from("abcd"), "say": st.sampled_from("xyz")}), max_size=5
)
SECRETS = st.none() | st.sampled_from([KEY, SAME_HINT, "short"])
PLAIN = st.builds(StoredConfig, st.dictionaries(KEYS, VALUES, max_size=4), st.just({}))


def _config(**more: Any) -> StoredConfig:
    return StoredConfig(*split_secrets(parse_config({"instructions": "x"} | more, complete=False)))


def _llm(secret: str | None, model: str) -> dict[str, Any]:
    return {"provider": "openai", "options": {"apiKey": secret, "model": model}}


def _livekit(secret: str | None) -> dict[str, Any]:
    return {"url": "wss://own.example", "apiKey": "k", "apiSecret": secret}


CONFIGS = st.builds(
    _config,
    greeting=st.none() | st.sampled_from(["Hello", "Hi"]),
    llm=st.builds(_llm, SECRETS, st.sampled_from("mn"))
    | RULES.map(lambda rules: {"provider": "scripted", "options": {"rules": rules}}),
    livekitConfig=st.none() | st.builds(_livekit, SECRETS),
)


def _shown(config: StoredConfig) -> dict[str, Any]:
    return {"config": redacted(config.public, config.secrets)}


def _applied(before: dict[str, Any], changes: list[Difference]) -> dict[str, Any]:
    """`before` with the changes made: what is removed first, last elements first, then all else in order."""
    root = deepcopy(before)
    removed = [each for each in changes if each.change == "removed"]
    for each in [*reversed(removed), *(each for each in changes if each.change != "removed")]:
        *path, last = (part.replace("~1", "/").replace("~0", "~") for part in each.pointer.split("/")[1:])
        holder: Any = root
        for part in path:
            holder = holder[int(part) if isinstance(holder, list) else part]
        key: Any = int(last) if isinstance(holder, list) else last
        if each.change == "removed":
            assert holder.pop(key) == each.before
        elif each.change == "added" and isinstance(holder, list):
            holder.insert(key, each.after)
        else:
            assert each.change == "added" or holder[key] == each.before
            holder[key] = each.after
    return root


@settings(deadline=None)
@given(PLAIN | CONFIGS)
def test_equal_configs_do_not_differ(config: StoredConfig) -> None:
    assert differences(config, deepcopy(config)) == []


@settings(deadline=None)
@given(st.tuples(PLAIN, PLAIN) | st.tuples(CONFIGS, CONFIGS))
def test_the_changes_lead_from_one_to_the_other(pair: tuple[StoredConfig, StoredConfig]) -> None:
    before, after = pair
    assert _applied(_shown(before), differences(before, after)) == _shown(after)
    assert _applied(_shown(after), differences(after, before)) == _shown(before)


@settings(deadline=None)
@given(CONFIGS, CONFIGS)
def test_configs_differ_when_versions_would_and_no_secret_is_told(
    before: StoredConfig, after: StoredConfig
) -> None:
    found = differences(before, after)
    assert bool(found) == (before != after)
    for secret in {*before.secrets.values(), *after.secrets.values()}:
        assert secret not in repr(found)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (KEY, SAME_HINT, ({"set": True, "hint": "…abcd"}, {"set": True, "hint": "…abcd"})),
        (KEY, None, ({"set": True, "hint": "…abcd"}, {"set": False})),
        (None, "short", ({"set": False}, {"set": True})),
        ("short", "brief", ({"set": True}, {"set": True})),
    ],
)
def test_a_secret_that_changed_is_told_by_its_hints(
    before: str | None, after: str | None, told: tuple[Any, Any]
) -> None:
    pair = (_config(livekitConfig=_livekit(each), llm=_llm(KEY, "m")) for each in (before, after))
    assert differences(*pair) == [Difference("/config/livekitConfig/apiSecret", "changed", *told)]


def test_another_provider_differs_field_by_field() -> None:
    scripted = {"provider": "scripted", "options": {"rules": [], "otherwise": "?"}}
    found = differences(_config(llm=_llm(KEY, "m")), _config(llm=scripted))
    options = {each.pointer.removeprefix("/config/llm/"): each.change for each in found}
    assert options == {
        "provider": "changed",
        "options/apiKey": "removed",
        "options/baseUrl": "removed",
        "options/maxCompletionTokens": "removed",
        "options/model": "removed",
        "options/temperature": "removed",
        "options/delayMs": "added",
        "options/otherwise": "added",
        "options/rules": "added",
    }


def _rules(*texts: str) -> StoredConfig:
    rules = [{"when": text, "say": text.upper()} for text in texts]
    return _config(llm={"provider": "scripted", "options": {"rules": rules}})


def test_a_list_of_objects_is_told_element_by_element() -> None:
    rules = "/config/llm/options/rules"
    (put_in,) = differences(_rules("a", "b", "c"), _rules("a", "new", "b", "c"))
    assert put_in == Difference(f"{rules}/1", "added", None, {"when": "new", "say": "NEW"})
    (taken_out,) = differences(_rules("a", "b", "c"), _rules("b", "c"))
    assert taken_out == Difference(f"{rules}/0", "removed", {"when": "a", "say": "A"}, None)
    changed = differences(_rules("a", "b", "c"), _rules("a", "x", "c"))
    assert [(each.pointer, each.before, each.after) for each in changed] == [
        (f"{rules}/1/say", "B", "X"),
        (f"{rules}/1/when", "b", "x"),
    ]


def test_a_list_of_words_is_told_whole() -> None:
    first, second = (
        _config(stt={"provider": "offline", "options": {"grammar": words}})
        for words in (["yes", "no"], ["yes"])
    )
    assert differences(first, second) == [
        Difference("/config/stt/options/grammar", "changed", ["yes", "no"], ["yes"])
    ]
