"""Secrets that are known are blotted out, and nothing else is."""

from __future__ import annotations

import json
import logging

import pytest

from common import discretion
from common.discretion import Discretion
from common.keys import make_master_key
from common.logs import KeyValueFormatter
from common.settings import get_settings
from db.crypto import SecretBox

pytestmark = pytest.mark.unit

SECRET = 'sk-"quoted\\and long'


@pytest.mark.parametrize("written", [SECRET, json.dumps({"key": SECRET}), repr({"key": SECRET, "it's": 1})])
def test_a_secret_is_blotted_out_however_it_is_written(written: str) -> None:
    blotted = Discretion(SECRET).blot(f"before {written} after")
    assert "quoted" not in blotted
    assert "[secret]" in blotted
    assert (blotted[:7], blotted[-6:]) == ("before ", " after")


def test_short_secrets_would_blot_out_words() -> None:
    assert Discretion("key", "").blot("the key is wrong") == "the key is wrong"


def test_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discretion, "MOST", 2)
    known = Discretion("secret-number-one", "secret-number-two", "secret-number-three")
    assert known.blot("secret-number-one secret-number-two") == "secret-number-one [secret]"
    known.learn("secret-of-the-process", for_ever=True)
    known.learn("secret-number-four")
    assert known.blot("secret-number-two secret-of-the-process") == "secret-number-two [secret]"


def test_the_secrets_of_the_environment_are_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discretion.DISCRETION, "_for_ever", {})
    monkeypatch.setenv("BIONIC_API_KEY", "key-of-the-environment")
    get_settings.cache_clear()
    get_settings()
    get_settings.cache_clear()
    assert discretion.DISCRETION.blot("key-of-the-environment") == "[secret]"


def test_what_was_sealed_or_opened_is_not_logged() -> None:
    box, other = SecretBox(make_master_key()), SecretBox(make_master_key())
    sealed = box.seal("sealed-by-itself", "row")
    assert box.open(sealed, "row") == "sealed-by-itself"
    assert other.seal_map({"/a": "sealed-in-a-map"}, "row")
    record = logging.makeLogRecord({"msg": "sealed-by-itself, sealed-in-a-map", "error": "sealed-in-a-map"})
    assert KeyValueFormatter("%(message)s").format(record) == "[secret], [secret] error=[secret]"
