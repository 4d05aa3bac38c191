"""The console in a browser: making, deploying, stopping and repairing agents, signing in, any screen."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from stack import Service, Stack, StackConfig, free_ports
from tests.e2e.looks import Look, faint_texts, look_at, sideways
from tests.support.browser import PATIENCE_MS, visiting
from tests.support.platform import Platform

pytestmark = pytest.mark.e2e

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}
KEY = "key-of-another-livekit"
SECRET = "secret-of-another-livekit-with-enough-characters"
WRONG = "a-wrong-secret-that-has-enough-characters-too"


async def status(page: Page, slug: str, word: str) -> None:
    """Wait until the page says that the agent is `word`."""
    await expect(page.get_by_test_id(f"status-{slug}")).to_have_text(word)


async def test_an_agent_from_the_dialog_to_stopped(platform: Platform) -> None:
    name = f"Reception {uuid.uuid4().hex[:6]}"
    async with visiting(platform.stack) as visitor:
        page = visitor.page
        await page.get_by_test_id("new-agent").click()
        await page.get_by_label("Name").fill(name)
        await page.get_by_label("Greeting").fill("Good morning.")
        await page.get_by_test_id("create-agent").click()

        await expect(page.get_by_role("heading", name=name)).to_be_visible()
        slug = page.url.rpartition("/")[2]
        await status(page, slug, "draft")
        await page.get_by_test_id(f"deploy-{slug}").click()
        await status(page, slug, "running")
        steps = page.get_by_test_id("timeline").locator("li b")
        await expect(steps).to_have_text(["validating", "starting", "running"])

        await page.get_by_test_id(f"stop-{slug}").click()
        await status(page, slug, "stopped")
        await page.goto("/")
        await status(page, slug, "stopped")
        assert visitor.errors == []
    agent = await platform.agent(slug)
    assert agent["config"]["greeting"] == "Good morning."
    assert agent["status"] == "stopped"


async def test_a_stopped_agent_was_deployed_once(platform: Platform) -> None:
    agent = await platform.deployed("stopped")
    await platform.stop(agent["id"])
    async with visiting(platform.stack) as visitor:
        page = visitor.page
        await page.goto(f"/agents/{agent['slug']}")
        await status(page, agent["slug"], "stopped")
        await expect(page.get_by_text("never deployed")).to_have_count(0, timeout=1000)


async def test_what_is_wrong_is_said_at_its_field(platform: Platform) -> None:
    async with visiting(platform.stack) as visitor:
        page = visitor.page
        await page.get_by_test_id("new-agent").click()
        await page.get_by_label("Name").fill(f"Shop {uuid.uuid4().hex[:6]}")
        await page.get_by_label("Instructions").fill("")
        answer = page.get_by_label("Answer 2", exact=True)
        await answer.fill("")
        await page.get_by_test_id("create-agent").click()

        instructions = page.get_by_label("Instructions")
        for field in (instructions, answer):
            await expect(field).to_have_attribute("aria-invalid", "true")
            await expect(field.locator("xpath=..").locator(".field-error")).not_to_be_empty()
        await expect(page.get_by_label("Name")).to_have_attribute("aria-invalid", "false")

        await instructions.fill("Be kind.")
        await answer.fill("I will get someone for you.")
        await page.get_by_test_id("create-agent").click()
        await expect(page.get_by_test_id("create-agent")).to_have_count(0)
        # The browser itself logs the answers of 400; there must be nothing else.
        assert [error for error in visitor.errors if "status of 400" not in error] == []


async def test_a_wrong_secret_is_told_and_mended_on_the_page(platform: Platform) -> None:
    stack = platform.stack
    own = {"url": stack.livekit_url, "apiKey": stack.livekit_api_key, "apiSecret": WRONG}
    agent = await platform.create("broken", livekitConfig=own)
    slug = agent["slug"]
    async with visiting(stack) as visitor:
        page = visitor.page
        await page.get_by_test_id(f"deploy-{slug}").click()
        await status(page, slug, "failed")
        row = page.get_by_test_id(f"agent-row-{slug}")
        await expect(row).to_contain_text("refused the API key")
        await row.get_by_role("link", name=slug).click()
        await expect(page.get_by_test_id("timeline")).to_contain_text("Check the agent's livekitConfig.")
        await expect(page.locator("body")).not_to_contain_text(WRONG)

        await page.get_by_test_id("edit-config").click()
        editor = page.get_by_test_id("config-json")
        config = json.loads(await editor.input_value())
        assert config["livekitConfig"]["apiSecret"]["set"] is True
        config["livekitConfig"]["apiSecret"] = stack.livekit_api_secret
        await editor.fill(json.dumps(config))
        await page.get_by_test_id("save-config").click()
        await expect(page.get_by_test_id("edit-config")).to_be_visible()
        await page.get_by_test_id(f"deploy-{slug}").click()
        await status(page, slug, "running")
        await expect(page.get_by_test_id("timeline")).not_to_contain_text("refused")
        assert visitor.errors == []
    await platform.stop(agent["id"])


async def test_retry_works_once_livekit_takes_the_secret(platform: Platform, tmp_path: Path) -> None:
    ports = free_ports()

    def other_livekit(secret: str) -> Stack:
        keys = {"LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": secret}
        return Stack(
            StackConfig(
                state_dir=tmp_path / "other", ports=ports, services=frozenset({Service.LIVEKIT}), env=keys
            )
        )

    own = {"url": other_livekit(SECRET).livekit_url, "apiKey": KEY, "apiSecret": SECRET}
    agent = await platform.create("retried", livekitConfig=own)
    slug = agent["slug"]
    async with visiting(platform.stack) as visitor:
        page = visitor.page
        await page.goto(f"/agents/{slug}")
        async with other_livekit(WRONG):
            await page.get_by_test_id(f"deploy-{slug}").click()
            await status(page, slug, "failed")
            await expect(page.get_by_test_id("timeline")).to_contain_text("refused the API key")
        async with other_livekit(SECRET):
            await page.get_by_test_id(f"retry-{slug}").click()
            await status(page, slug, "running")
            await platform.stop(agent["id"])
        assert visitor.errors == []


async def test_the_api_key_signs_in(stack: Stack) -> None:
    async with visiting(stack, signed_in=False) as visitor:
        page = visitor.page
        await page.goto("/agents/whoever")
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        key = page.get_by_label("API key", exact=True)
        await key.fill("not-the-key")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_text("This is not a key of this installation.")).to_be_visible()

        await key.fill(stack.api_key)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("navigation", name="Main")).to_be_visible()
        await page.goto("/")
        await expect(page.get_by_role("heading", name="Agents")).to_be_visible()
        # The browser itself logs the answers of 401 and 404; there must be nothing else.
        assert [error for error in visitor.errors if "status of 40" not in error] == []


async def test_a_login_link_that_is_none_signs_nobody_in(stack: Stack) -> None:
    async with visiting(stack, signed_in=False) as visitor:
        page = visitor.page
        await page.goto("/login/not-a-token")
        await expect(page.get_by_role("heading")).to_have_text("This link does not sign you in")
        await page.get_by_role("link").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_a_phone_shows_all_without_scrolling_sideways(platform: Platform) -> None:
    agent = await platform.deployed("phone")
    slug = agent["slug"]
    async with visiting(platform.stack, **PHONE) as visitor:
        page = visitor.page
        await status(page, slug, "running")
        assert await sideways(page) == ""
        await page.get_by_test_id("new-agent").tap()
        await expect(page.get_by_test_id("create-agent")).to_be_in_viewport()
        assert await sideways(page) == ""
        await page.get_by_role("button", name="Cancel").tap()

        await page.get_by_test_id(f"agent-row-{slug}").get_by_role("link", name=slug).tap()
        await expect(page.get_by_test_id("timeline")).to_be_visible()
        assert await sideways(page) == ""
        await page.get_by_test_id("edit-config").tap()
        assert await sideways(page) == ""

        await page.get_by_test_id(f"talk-{slug}").tap()
        await page.get_by_test_id("start-call").tap()
        await expect(page.get_by_test_id("turn-agent").first).to_be_visible()
        await expect(page.get_by_test_id("end-call")).to_be_in_viewport()
        assert await sideways(page) == ""
        await page.get_by_test_id("end-call").tap()
        await expect(page.get_by_test_id("call-state")).to_have_attribute("data-state", "ended")
        assert visitor.errors == []
    await platform.stop(agent["id"])


async def test_a_long_name_fits_a_phone(platform: Platform) -> None:
    agent = await platform.create("customer-service-of-the-northern-branch-and-islands")
    async with visiting(platform.stack, **PHONE) as visitor:
        page = visitor.page
        await status(page, agent["slug"], "draft")
        assert await sideways(page) == ""
        await page.goto(f"/agents/{agent['slug']}")
        await status(page, agent["slug"], "draft")
        assert await sideways(page) == ""


async def test_both_themes_can_be_read(platform: Platform) -> None:
    agent = await platform.deployed("themes")
    failed = await platform.create(
        "themes-failed",
        livekitConfig={"url": platform.stack.livekit_url, "apiKey": "nobody", "apiSecret": WRONG},
    )
    await platform.call("POST", f"/api/agents/{failed['id']}/deploy", {}, expect=202)
    await platform.reaches(failed["id"], "failed")
    looks: list[Look] = []
    faint: list[str] = []
    async with visiting(platform.stack) as visitor:
        page = visitor.page
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            for path in ("/", f"/agents/{agent['slug']}", f"/agents/{failed['slug']}"):
                await page.goto(path)
                shown = agent if path == "/" else await platform.agent(path.rpartition("/")[2])
                await expect(page.get_by_test_id(f"status-{shown['slug']}")).to_be_visible(
                    timeout=PATIENCE_MS
                )
                faint += [f"{scheme} {path}: {text}" for text in await faint_texts(page)]
            await page.goto("/")
            await page.get_by_test_id("new-agent").click()
            faint += [f"{scheme} dialog: {text}" for text in await faint_texts(page)]
            looks.append(await look_at(page))
        assert visitor.errors == []
    light, dark = looks
    assert light.background > 0.8
    assert light.text < 0.2
    assert dark.background < 0.1
    assert dark.text > 0.6
    assert faint == []
    await platform.stop(agent["id"])
