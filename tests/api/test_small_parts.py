"""Slugs, the rate limit, loggable paths."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit import api

from api.clients import Networks
from api.metrics import loggable
from api.services.livekit import RoomView
from api.services.rates import RateLimit
from api.services.rooms import room_answer
from api.slugs import check_slug, slug_of, with_suffix
from common.settings import Settings

pytestmark = pytest.mark.unit


@settings(deadline=None)
@given(st.text(max_size=200))
def test_every_name_has_a_slug(name: str) -> None:
    slug = slug_of(name)
    assert check_slug(slug) == slug
    assert check_slug(with_suffix(slug, "abc123"))


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Zoë's Café", "zoes-cafe"),
        ("  Front   Desk!", "front-desk"),
        ("客服", "agent"),
        ("550e8400-e29b-41d4-a716-446655440000", "agent-550e8400-e29b-41d4-a716-446655440000"),
    ],
)
def test_slugs_read_like_names(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@pytest.mark.parametrize(
    "text", ["", "-a", "a-", "A", "a b", "ä", "x" * 64, "a\n", "550e8400e29b41d4a716446655440000", "../x"]
)
def test_what_is_no_slug(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        check_slug(text)


def test_rate_limit_lets_a_burst_through_and_then_the_rate() -> None:
    now = 0.0
    limit = RateLimit(rate=2, burst=3, clock=lambda: now)
    assert [limit.allow("a") for _ in range(4)] == [True, True, True, False]
    assert limit.allow("b")
    now = 0.5
    assert [limit.allow("a") for _ in range(2)] == [True, False]
    now = 100.0
    assert [limit.allow("a") for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize(
    ("setting", "inside", "outside"),
    [
        ("", [], ["127.0.0.1", "::1"]),
        ("10.0.0.1", ["10.0.0.1", "::ffff:10.0.0.1"], ["10.0.0.2", "::1"]),
        (" 10.1.2.3/8, fd00::/8 ,", ["10.255.0.1", "fd00::1"], ["11.0.0.1", "fe80::1", "unknown", ""]),
    ],
)
def test_trusted_proxies(
    monkeypatch: pytest.MonkeyPatch, setting: str, inside: list[str], outside: list[str]
) -> None:
    monkeypatch.setenv("BIONIC_TRUSTED_PROXIES", setting)
    networks = Networks(Settings().bionic_trusted_proxies)
    assert all(address in networks for address in inside)
    assert not any(address in networks for address in outside)


def test_trusted_proxies_must_be_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIONIC_TRUSTED_PROXIES", "10.0.0.1,proxy.local")
    with pytest.raises(ValueError, match=r"proxy\.local"):
        Settings()


def test_login_tokens_never_reach_a_log() -> None:
    assert loggable("/login/eyJhbGciOi.x.y") == "/login/…".encode("unicode_escape").decode()
    assert "secret" not in loggable("/login/a\nsecret")
    assert "\n" not in loggable("/a\nforged line")
    assert loggable("/api/agents") == "/api/agents"


def test_rooms_say_what_everybody_publishes() -> None:
    tracks = [
        api.TrackInfo(type=api.TrackType.AUDIO, source=api.TrackSource.MICROPHONE, muted=True),
        api.TrackInfo(type=api.TrackType.VIDEO, source=api.TrackSource.SCREEN_SHARE),
        api.TrackInfo(type=api.TrackType.DATA),
    ]
    view = RoomView(api.Room(name="call-x"), [api.ParticipantInfo(identity="a", tracks=tracks)])
    (person,) = room_answer(view, None).model_dump(by_alias=True)["participants"]
    assert person["tracks"] == [
        {"kind": "audio", "source": "microphone", "muted": True},
        {"kind": "video", "source": "screen_share", "muted": False},
    ]
