"""Sealed secrets belong to one row and one key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.keys import make_master_key
from db.crypto import SecretBox, SecretUnreadable

pytestmark = pytest.mark.unit

BOX = SecretBox(make_master_key())


@given(st.text(), st.text(min_size=1))
def test_round_trip(value: str, row: str) -> None:
    sealed = BOX.seal(value, row)
    assert BOX.open(sealed, row) == value
    assert sealed != BOX.seal(value, row), "a nonce of its own each time"
    with pytest.raises(SecretUnreadable, match="another row"):
        BOX.open(sealed, row + "x")


def test_a_changed_value_and_another_key_are_refused() -> None:
    sealed = BOX.seal("secret", "settings/x")
    with pytest.raises(SecretUnreadable, match="changed"):
        BOX.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), "settings/x")
    with pytest.raises(SecretUnreadable, match="another BIONIC_MASTER_KEY"):
        SecretBox(make_master_key()).open(sealed, "settings/x")


def test_maps() -> None:
    assert BOX.seal_map({}, "row") is None
    assert BOX.open_map(None, "row") == {}
    assert BOX.open_map(BOX.seal_map({"/a": "b"}, "row"), "row") == {"/a": "b"}
