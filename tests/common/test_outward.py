"""Addresses that somebody entered are refused where they lead inside, however they are written."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest
from aiohttp import web

from common import outward as outward_module
from common.outward import NOT_PUBLIC, Guard, OutwardFailed, outward

LOOPBACK = Guard((ip_network("127.0.0.0/8"), ip_network("::1/128")))

_V4 = (
    "127.0.0.1 127.255.0.1 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 "
    "169.254.0.1 100.64.0.1 100.100.100.200 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 "
    "198.51.100.1 203.0.113.1 168.63.129.16 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255"
)
_V6 = (
    ":: ::1 ::7f00:1 fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd00:ec2::254 ff02::1 ff0e::1 100::1 2001:db8::1 "
    "2001::1 2001:10::1 2002:7f00:1:: 3fff::1 5f00::1 64:ff9b:1::1"
)
_IN_DISGUISE = (
    "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 "
    "64:ff9b::a9fe:a9fe localhost 2130706433 127.1 0x7f.1 example.com"
)
INSIDE = [address for group in (_V4, _V6, _IN_DISGUISE) for address in group.split(" ")]
OUTSIDE = ["1.1.1.1", "8.8.8.8", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.unit
@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_refused(address: str) -> None:
    assert not Guard().permits(address)


@pytest.mark.unit
@pytest.mark.parametrize("address", OUTSIDE)
def test_addresses_outside_are_not(address: str) -> None:
    assert Guard().permits(address)


@pytest.mark.unit
def test_networks_that_are_allowed_are_reached_however_they_are_written() -> None:
    guard = Guard((ip_network("10.1.0.0/16"), ip_network("fd00::/8")))
    assert all(guard.permits(each) for each in ("10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "fd00::1"))
    assert not any(guard.permits(each) for each in ("10.2.0.1", "127.0.0.1", "::1", "169.254.169.254"))


@pytest.mark.unit
def test_what_a_url_itself_says_is_seen_before_anything_is_asked() -> None:
    urls = ("http://127.0.0.1/", "http://[::1]:8080/", "http://LOCALHOST/x", "http://[::ffff:10.0.0.1]/")
    for url in urls:
        assert not Guard().permits_url(url), url
    assert LOOPBACK.permits_url("http://localhost:1/")
    assert Guard().permits_url("https://example.com/hook")


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def _server(answer: Answer) -> AsyncIterator[int]:
    """A server on loopback, at the port that it gives."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _says(request: web.Request) -> web.Response:
    return web.Response(text=f"{await request.text()} of {request.headers['User-Agent'].partition('/')[0]}")


async def _failure(guard: Guard, url: str, seconds: float = 5.0) -> str:
    async with outward(guard, seconds) as sender:
        with pytest.raises(OutwardFailed) as failed:
            await sender.post(url, b"", {})
    return str(failed.value)


@pytest.mark.integration
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"])
async def test_nothing_inside_is_connected_to(host: str) -> None:
    async def never(_: web.Request) -> web.Response:
        raise AssertionError("it was asked")

    async with _server(never) as port:
        assert await _failure(Guard(), f"http://{host}:{port}/") == NOT_PUBLIC


@pytest.mark.integration
async def test_what_is_allowed_is_reached() -> None:
    async with _server(_says) as port, outward(LOOPBACK) as sender:
        answer = await sender.post(f"http://localhost:{port}/hook", b"news", {})
        assert (answer.status, answer.body) == (200, b"news of bionic-agents")


@pytest.mark.integration
async def test_a_name_that_leads_inside_only_when_it_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebinding: the first answer of its name server is public, the second is not."""
    answers = iter(["93.184.216.34", "127.0.0.1"])

    def resolve(_host: str, port: int, *_: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert Guard().permits(resolve("rebinding.example", 80)[0][4][0])  # type: ignore[index]
    async with _server(_says) as port:
        assert await _failure(Guard(), f"http://rebinding.example:{port}/") == NOT_PUBLIC


@pytest.mark.integration
async def test_no_redirect_is_followed_and_no_cookie_kept() -> None:
    cookies = []

    async def moved(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(status=302, headers={"Location": "/elsewhere", "Set-Cookie": "a=b"})

    async with _server(moved) as port, outward(LOOPBACK) as sender:
        for _ in range(2):
            assert (await sender.post(f"http://127.0.0.1:{port}/", b"", {})).status == 302
    assert cookies == [None, None]


@pytest.mark.integration
async def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 10_000)

    async with _server(endless) as port, outward(LOOPBACK) as sender:
        async with asyncio.timeout(5):
            answer = await sender.post(f"http://127.0.0.1:{port}/", b"", {})
    assert (answer.status, len(answer.body)) == (200, outward_module.MOST_BODY)


@pytest.mark.integration
async def test_a_small_answer_does_not_become_a_large_one() -> None:
    async def bomb(_: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b"0" * 1_000_000), headers={"Content-Encoding": "gzip"})

    async with _server(bomb) as port, outward(LOOPBACK) as sender:
        assert len((await sender.post(f"http://127.0.0.1:{port}/", b"", {})).body) < 2000


@pytest.mark.integration
async def test_a_status_counts_although_what_follows_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outward_module, "BODY_SECONDS", 0.1)

    async def stalls(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=202)
        await response.prepare(request)
        await response.write(b"so far")
        await asyncio.sleep(60)
        return response

    async with _server(stalls) as port, outward(LOOPBACK) as sender:
        answer = await sender.post(f"http://127.0.0.1:{port}/", b"", {})
    assert (answer.status, answer.body) == (202, b"so far")


@pytest.mark.integration
async def test_whoever_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async with _server(silent) as port:
        assert await _failure(LOOPBACK, f"http://127.0.0.1:{port}/", 0.2) == "no answer within 0.2 s"
    assert await _failure(LOOPBACK, f"http://127.0.0.1:{port}/") == "connection refused"


@pytest.mark.integration
async def test_names_that_are_none_and_certificates_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async with _server(_says) as port:
        assert (await _failure(LOOPBACK, f"https://127.0.0.1:{port}/")).startswith("TLS failed: ")

    def resolve(*_: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert await _failure(Guard(), "http://nowhere.example/") == "its name can't be resolved"
