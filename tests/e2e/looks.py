"""What can be measured of how a page looks."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.async_api import Page

_COLOURS = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
// Any colour that CSS knows, as red, green, blue and alpha, each 0 to 1.
const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = colour
    canvas.fillRect(0, 0, 1, 1)
    return [...canvas.getImageData(0, 0, 1, 1).data].map((part) => part / 255)
}
const over = (top, below) => below.map((part, at) => at === 3 ? 1 : top[at] * top[3] + part * (1 - top[3]))
const behind = (element) => {
    if (element === null) return [1, 1, 1, 1]
    const own = rgba(getComputedStyle(element).backgroundColor)
    return own[3] === 1 ? own : over(own, behind(element.parentElement))
}
const luminance = (colour) => {
    const [r, g, b] = colour.map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
"""

_FAINT = f"""
() => {{
    {_COLOURS}
    const found = new Set()
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (texts.nextNode()) {{
        const words = texts.currentNode.textContent.trim()
        const element = texts.currentNode.parentElement
        if (words === '' || element.closest('.sr-only, script, :disabled')) continue
        if (!element.checkVisibility({{visibilityProperty: true}})) continue
        const style = getComputedStyle(element)
        const back = behind(element)
        const [a, b] = [luminance(over(rgba(style.color), back)), luminance(back)]
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
        const large = parseFloat(style.fontSize) >= 24
        if (contrast < (large ? 3 : 4.5)) found.add(`${{contrast.toFixed(2)}} “${{words.slice(0, 40)}}”`)
    }}
    return [...found]
}}
"""

_LOOK = f"""
() => {{
    {_COLOURS}
    return [luminance(behind(document.body)), luminance(rgba(getComputedStyle(document.body).color))]
}}
"""

_SIDEWAYS = """
() => {
    const width = document.documentElement.clientWidth
    const scrollers = [document.documentElement, ...document.querySelectorAll('main, dialog[open], .content')]
    const wide = scrollers.filter((element) => element.scrollWidth > element.clientWidth)
    if (wide.length === 0) return []
    const named = (element) => `${element.tagName.toLowerCase()}.${element.className}`
    const guilty = [...document.querySelectorAll('body *')]
        .filter((element) => element.getBoundingClientRect().right > width + 0.5)
    return [...wide, ...guilty].map(named)
}
"""


@dataclass(frozen=True)
class Look:
    """How light a page is: 0 is black, 1 white."""

    background: float
    text: float


async def look_at(page: Page) -> Look:
    """The page's main colours."""
    background, text = await page.evaluate(_LOOK)
    return Look(background, text)


async def faint_texts(page: Page) -> list[str]:
    """Words with less contrast than WCAG's level AA asks for."""
    found: list[str] = await page.evaluate(_FAINT)
    return found


async def sideways(page: Page) -> str:
    """What can be scrolled sideways, and the elements that stick out; nothing when all fits."""
    found: list[str] = await page.evaluate(_SIDEWAYS)
    return ", ".join(found)
