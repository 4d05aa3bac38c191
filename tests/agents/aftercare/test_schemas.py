"""JSON schemas from outside."""

from __future__ import annotations

import time
from typing import Any

import pytest

from agents.aftercare.schemas import check_schema, problems
from agents.config import parse_config
from common.errors import InvalidInput
from tests.support.platform import offline_config

pytestmark = pytest.mark.unit


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "array"}, "an object"),
        ({}, "an object"),
        (_object(a={"type": "strin"}), "strin"),
        (_object(a={"$ref": "http://169.254.169.254/latest"}), "disabled"),
        (_object(a={"$ref": "file:///etc/passwd"}), "disabled"),
        (_object(a={"pattern": "("}), "regex"),
        (_object(a={"pattern": "(a{1000}){1000}"}), "regex"),
    ],
)
def test_what_is_no_schema_or_leads_outside_is_refused(schema: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_schema(schema)


def test_a_malicious_pattern_takes_no_time() -> None:
    schema = _object(a={"type": "string", "pattern": "^(a+)+$"})
    check_schema(schema)
    began = time.monotonic()
    assert len(problems(schema, {"a": "a" * 10_000 + "b"})) == 1
    assert time.monotonic() - began < 1


def test_problems_say_where() -> None:
    schema = _object(a=_object(b={"type": "integer"}))
    assert problems(schema, {"a": {"b": 1}}) == []
    assert problems(schema, {"a": {"b": "x"}}) == ['/a/b: "x" is not of type "integer"']


@pytest.mark.parametrize(
    ("analysis", "pointer"),
    [
        ({"extract": {"type": "array"}}, "/config/analysis/extract"),
        ({"extract": _object(a={"description": "x" * 20_000})}, "/config/analysis/extract"),
        ({"judges": [{"name": "kindness"}]}, "/config/analysis/judges/0"),
        ({"judges": [{"name": "safety", "criteria": "x"}]}, "/config/analysis/judges/0"),
        ({"judges": [{"name": "safety"}, {"name": "safety"}]}, "/config/analysis"),
        ({"llm": {"provider": "opnai"}}, "/config/analysis/llm/provider"),
        ({"sumary": True}, "/config/analysis/sumary"),
    ],
)
def test_a_config_that_asks_for_what_can_not_be_says_where(analysis: Any, pointer: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_config(offline_config(analysis=analysis), complete=False)
    assert [error.pointer for error in caught.value.errors] == [pointer]
