"""What a token lets its holder do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest

from api.schemas.base import decode_body
from api.services.tokens import Place, TokenRequest, sign
from common.errors import InvalidInput, LiveKitRefused
from common.livekit import LiveKitCredentials
from tests.api.conftest import LIVEKIT_KEY, LIVEKIT_SECRET

pytestmark = pytest.mark.unit

CALL_ID = UUID("6a0e5f0e-1111-4222-8333-944444444444")
CREDENTIALS = LiveKitCredentials("ws://localhost:7880", LIVEKIT_KEY, LIVEKIT_SECRET)


def _claims(video: bool = False, **request: Any) -> dict[str, Any]:
    place = Place(CALL_ID, "front-desk@v3", video, "caller-1")
    wanted = decode_body(TokenRequest, {"agentId": "front-desk"} | request)
    assert isinstance(wanted, TokenRequest)
    token = sign(CREDENTIALS, place, wanted)
    claims: dict[str, Any] = jwt.decode(token, LIVEKIT_SECRET, algorithms=["HS256"])
    return claims


def test_rights_are_the_least() -> None:
    claims = _claims()
    assert claims["video"] == {
        "roomJoin": True,
        "room": f"call-{CALL_ID}",
        "canPublish": True,
        "canPublishSources": ["microphone"],
        "canSubscribe": True,
        "canPublishData": True,
        "canUpdateOwnMetadata": False,
    }
    assert not {"sip", "inference", "agent", "observability", "metadata", "kind"} & set(claims)


def test_camera_only_for_agents_that_see() -> None:
    assert _claims(video=True)["video"]["canPublishSources"] == ["microphone", "camera"]


def test_lives_ten_minutes() -> None:
    claims = _claims()
    assert claims["iss"] == LIVEKIT_KEY
    assert claims["exp"] - claims["nbf"] == 600
    assert abs(datetime.fromtimestamp(claims["nbf"], UTC) - datetime.now(UTC)) < timedelta(seconds=5)


def test_dispatches_exactly_one_agent() -> None:
    (dispatch,) = _claims()["roomConfig"]["agents"]
    assert dispatch["agentName"] == "front-desk@v3"
    assert json.loads(dispatch["metadata"]) == {"callId": str(CALL_ID)}


def test_name_and_attributes_are_the_callers() -> None:
    claims = _claims(participantName="Zoë", attributes={"plan": "gold"})
    assert claims["name"] == "Zoë"
    assert claims["attributes"] == {"plan": "gold"}
    assert claims["sub"] == "caller-1"


@pytest.mark.parametrize(
    "extra",
    [
        {"room": "mine"},
        {"roomName": "mine"},
        {"metadata": "{}"},
        {"identity": "agent-1"},
        {"agentName": "other"},
        {"roomConfig": {}},
        {"participantName": "x" * 65},
        {"participantName": "\n"},
        {"participantName": 7},
        {"attributes": {str(number): "x" for number in range(17)}},
        {"attributes": {"a": "x" * 257}},
        {"attributes": {"a": 1}},
        {"attributes": {"lk.publish_on_behalf": "agent"}},
        {"attributes": []},
        {"agentId": None},
    ],
)
def test_nothing_else_is_the_callers(extra: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_body(TokenRequest, {"agentId": "front-desk"} | extra)
    assert caught.value.errors


def test_no_key_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_API_KEY", "somebody-else")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "somebody-elses-secret-of-32-bytes-and-more")
    wanted = TokenRequest.model_validate({"agentId": "a"})
    with pytest.raises(LiveKitRefused):
        sign(LiveKitCredentials("ws://x", "", ""), Place(CALL_ID, "a@v1", False, "c"), wanted)
