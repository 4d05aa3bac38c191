"""What a caller does on an agent's talk page, and hears there."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

_LOUDEST = """
async (audio, seconds) => {
    const context = new AudioContext()
    await context.resume()
    const analyser = context.createAnalyser()
    context.createMediaStreamSource(audio.srcObject).connect(analyser)
    const samples = new Float32Array(analyser.fftSize)
    const until = performance.now() + 1000 * seconds
    let loudest = 0
    while (loudest < 0.02 && performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        analyser.getFloatTimeDomainData(samples)
        loudest = Math.max(loudest, Math.hypot(...samples) / Math.sqrt(samples.length))
    }
    await context.close()
    return loudest
}
"""
"""How loud a voice gets (root mean square, 1 is full scale) in the stream of an audio element."""

_MORE = """
([before, element]) => {
    const audio = document.querySelector(element)
    return Number(audio.dataset.bytesReceived) > before.bytes && audio.currentTime > before.time
}
"""
AUDIO = "[data-testid=agent-audio]"


async def start_call(page: Page, slug: str) -> None:
    """From the list to a call that the agent has joined."""
    await page.get_by_test_id(f"talk-{slug}").click()
    await page.get_by_test_id("start-call").click()
    await expect(page.get_by_test_id("end-call")).to_have_text("End call")
    await expect(page.get_by_test_id("turn-agent").first).to_be_visible()


async def end_call(page: Page) -> None:
    """Hang up; the page is ready for the next call."""
    await page.get_by_test_id("end-call").click()
    await expect(page.get_by_test_id("call-state")).to_have_attribute("data-state", "ended")
    await expect(page.get_by_test_id("start-call")).to_have_text("Call again")


def turns(page: Page, role: str, text: str) -> Locator:
    """The turns of one side with these words, complete."""
    return page.locator(f"[data-testid=turn-{role}][data-final=true]").filter(has_text=text)


async def loudness(page: Page, seconds: float = 10.0) -> float:
    """How loud the agent is; returns as soon as it is heard."""
    heard: float = await page.get_by_test_id("agent-audio").evaluate(_LOUDEST, seconds)
    return heard


async def audio_goes_on(page: Page) -> None:
    """More bytes arrive, and more of them are played."""
    audio = page.get_by_test_id("agent-audio")
    before = await audio.evaluate(
        "audio => ({bytes: Number(audio.dataset.bytesReceived), time: audio.currentTime})"
    )
    await page.wait_for_function(_MORE, arg=[before, AUDIO])
    await expect(audio).to_have_attribute("data-state", "playing")
