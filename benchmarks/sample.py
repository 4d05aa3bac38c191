"""The agent that both sides run."""

from __future__ import annotations

from typing import Any

CONFIG: dict[str, Any] = {
    "instructions": "You answer questions about orders.",
    "greeting": "Hello, how can I help?",
    "language": "en",
    "stt": {"provider": "offline", "options": {"grammar": ["where is my order", "talk to a human"]}},
    "llm": {
        "provider": "scripted",
        "options": {
            "rules": [
                {"when": "where is my order", "say": "It ships today."},
                {"when": "are you there", "say": "Yes."},
            ],
            "otherwise": "Please say that again.",
        },
    },
    "tts": {"provider": "offline", "options": {"voice": "en"}},
}
"""Ears, mind and voice on this machine: no network, no key."""

STOCK_NAME = "stock"
"""The agent name that the stock worker registers."""
