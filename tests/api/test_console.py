"""The console's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.conftest import Client, make_settings, serving

pytestmark = pytest.mark.unit


async def test_the_console_before_it_is_built(offline: Client) -> None:
    response = await offline.get("/")
    assert response.status_code == 200
    assert "make up" in response.text


async def test_the_consoles_files(tmp_path: Path) -> None:
    web = tmp_path / "web"
    (web / "assets").mkdir(parents=True)
    (web / "index.html").write_text("<p>console</p>")
    (web / "assets" / "app-1.js").write_text("run()")
    (web / "widget.js").write_text("widget()")
    (tmp_path / "secret.txt").write_text("secret")
    settings = make_settings(f"postgresql://postgres@/nothing?host={tmp_path}", bionic_web_dir=str(web))
    async with serving(settings) as client:
        for path in ("/", "/agents/front-desk", "/login", "/settings"):
            page = await client.get(path)
            assert page.text == "<p>console</p>"
            assert page.headers["cache-control"] == "no-cache"
            assert page.headers["content-type"].startswith("text/html")
        asset = await client.get("/assets/app-1.js")
        assert asset.text == "run()"
        assert "immutable" in asset.headers["cache-control"]
        assert "javascript" in asset.headers["content-type"]
        assert (await client.get("/widget.js")).text == "widget()"
        for path in ("/embed.js", "/icons/logo.svg"):
            missing = await client.get(path)
            assert missing.status_code == 404
            assert "json" in missing.headers["content-type"]
        for path in (
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/assets/..%2f..%2fsecret.txt",
            "/%00",
            "/" + "x" * 5000,
        ):
            assert "secret" not in (await client.get(path)).text
