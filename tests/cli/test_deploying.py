"""Deploying from a terminal: told as it happens, ended as it ends."""

from __future__ import annotations

from functools import partial

import httpx
import pytest

from cli import deploying, watching
from cli.watching import Watch
from tests.cli.conftest import AGENT, Bionic, FakeApi, Json, deployment, ok, problem, transition

pytestmark = pytest.mark.unit

BEGUN = deployment(transition(0, "validating"))
RUNNING = deployment(transition(0, "validating"), transition(0.5, "starting"), transition(2, "running"))
REASON = "LiveKit at ws://x refused the API key. Check Settings → LiveKit."
FAILED = deployment(transition(0, "validating"), transition(1.5, "failed", REASON))
SHOW = f"GET /api/deployments/{BEGUN['id']}"
HISTORY = "GET /api/agents/shop/deployments"


def test_each_change_is_told_once_until_it_runs(api: FakeApi, bionic: Bionic) -> None:
    half = deployment(transition(0, "validating"), transition(0.5, "starting"))
    api.on("POST /api/agents/shop/deploy", ok(BEGUN, 202))
    api.on(SHOW, ok(BEGUN), ok(half), ok(half), ok(RUNNING))
    ended = bionic("deploy", "shop", "--version", "3", "--replicas", "2", "--note", "Tuesday's words")
    assert ended.code == 0
    assert ended.out.splitlines()[:4] == [
        "Deploying shop: version 3, 2 replicas",
        "  12:00:00              validating  checking the config, the providers and LiveKit",
        "  12:00:00  +500 ms     starting    registering with LiveKit",
        "  12:00:02  +1.5 s      running     takes calls",
    ]
    assert ended.out.splitlines()[4].startswith("shop version 3 is running after ")
    assert api.bodies() == [{"version": 3, "replicas": 2, "note": "Tuesday's words"}]


def test_a_later_attempt_says_so(api: FakeApi, bionic: Bionic) -> None:
    moved = transition(1, "starting", "Its host was lost.", attempt=3)
    api.on("POST /api/agents/shop/deploy", ok(BEGUN, 202))
    api.on(SHOW, ok(deployment(transition(0, "validating"), moved, transition(2, "running", attempt=3))))
    ended = bionic("deploy", "shop")
    assert ended.out.splitlines()[2].endswith("starting    Its host was lost. (attempt 3)")
    assert ended.out.splitlines()[3].endswith("running     takes calls (attempt 3)")


def test_a_canary_is_told_step_by_step(api: FakeApi, bionic: Bionic) -> None:
    reason = "Canary: 5 % of new calls for 10 min, step 1 of 2."
    trial = deployment(transition(0, "validating"), transition(1, "starting", reason))
    api.on("POST /api/agents/shop/deploy", ok(BEGUN, 202))
    api.on(SHOW, ok(trial), ok(deployment(*trial["transitions"], transition(2, "running"))))
    ended = bionic("deploy", "shop", "--canary", "5:10,25:0.5")
    assert ended.code == 0
    assert ended.out.splitlines()[2] == f"  12:00:01  +1.0 s      starting    {reason}"
    steps = [{"percent": 5.0, "minutes": 10.0}, {"percent": 25.0, "minutes": 0.5}]
    assert api.bodies() == [{"canary": steps}]


@pytest.mark.parametrize("steps", ["", "5", "5:ten", "5:10:2", "5:10,"])
def test_steps_that_are_none_are_refused_at_once(bionic: Bionic, steps: str) -> None:
    ended = bionic("deploy", "shop", "--canary", steps)
    assert ended.code == 2
    assert "PERCENT:MINUTES" in ended.err


def test_a_failure_ends_with_its_reason_and_what_to_do(api: FakeApi, bionic: Bionic) -> None:
    api.on("POST /api/agents/shop/deploy", ok(BEGUN, 202))
    api.on(SHOW, ok(FAILED))
    api.on("GET /api/agents/shop", ok(AGENT | {"liveVersion": 2}))
    ended = bionic("deploy", "shop")
    assert ended.code == 1
    assert ended.err == f"shop version 3 failed: {REASON}\n"
    assert "Version 2 takes the calls, as before." in ended.out
    assert "bionic retry shop" in ended.out
    assert f"Temporal: {FAILED['workflowUrl']}" in ended.out
    assert api.bodies() == [{}]


def test_json_is_the_final_deployment_alone(api: FakeApi, bionic: Bionic) -> None:
    api.on("POST /api/agents/shop/deploy", ok(BEGUN, 202))
    api.on(SHOW, ok(FAILED))
    ended = bionic("deploy", "shop", "--json")
    assert ended.code == 1
    assert ended.document == FAILED
    assert "validating" in ended.err
    assert REASON in ended.err


def test_without_waiting_it_is_only_accepted(api: FakeApi, bionic: Bionic) -> None:
    api.on("POST /api/agents/shop/deploy", ok(BEGUN, 202))
    ended = bionic("deploy", "shop", "--no-wait")
    assert (ended.code, len(api.asked)) == (0, 1)
    assert f"validating  goes on by itself. See it: bionic deployments show {BEGUN['id']}" in ended.out
    assert bionic("deploy", "shop", "--no-wait", "--json").document == BEGUN


@pytest.mark.parametrize(
    ("change", "reason"),
    [("stopped", "Superseded by version 4."), ("draining", "Replaced by version 4.")],
)
def test_what_others_undo_did_not_come_true(api: FakeApi, bionic: Bionic, change: str, reason: str) -> None:
    api.on("POST /api/agents/shop/deploy", ok(BEGUN, 202))
    api.on(SHOW, ok(deployment(transition(0, "validating"), transition(1, change, reason))))
    api.on("GET /api/agents/shop", ok(AGENT | {"liveVersion": 4}))
    ended = bionic("deploy", "shop")
    assert ended.code == 1
    assert ended.err == f"shop version 3 {change}: {reason}\n"
    assert "bionic retry" not in ended.out
    assert "Version 4 takes the calls.\n" in ended.out, "it did not do so before"


def test_the_time_in_which_the_api_waited_counts(
    api: FakeApi, bionic: Bionic, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([100.0, 110.0])
    monkeypatch.setattr("cli.deploying.Watch", partial(Watch, clock=lambda: next(times, 110.0)))
    api.on("POST /api/agents/shop/deploy", ok(RUNNING, 202))
    assert "shop version 3 is running after 10 s." in bionic("deploy", "shop").out


def test_running_is_running_though_it_was_replaced_a_moment_later(api: FakeApi, bionic: Bionic) -> None:
    api.on("POST /api/agents/shop/deploy", ok(BEGUN, 202))
    later = deployment(*RUNNING["transitions"], transition(3, "draining", "Replaced by version 4."))
    api.on(SHOW, ok(later))
    assert bionic("deploy", "shop").code == 0


def test_a_retry_does_not_mistake_the_old_failure_for_the_new(api: FakeApi, bionic: Bionic) -> None:
    api.on(HISTORY, ok({"items": [FAILED], "nextCursor": None}))
    api.on("POST /api/agents/shop/retry", ok(FAILED | {"status": "validating", "attempt": 2}, 202))
    again = [transition(9, "validating", attempt=2), transition(10, "running", attempt=2)]
    api.on(SHOW, ok(FAILED), ok(deployment(*FAILED["transitions"], *again)))
    ended = bionic("retry", "shop")
    assert ended.code == 0
    assert "12:00:09" in ended.out
    assert "12:00:01" not in ended.out


def test_a_stop_waits_until_nothing_is_left(api: FakeApi, bionic: Bionic) -> None:
    api.on(HISTORY, ok({"items": [RUNNING], "nextCursor": None}))
    draining = [*RUNNING["transitions"], transition(5, "draining")]
    api.on("POST /api/agents/shop/stop", ok(RUNNING | {"status": "draining"}, 202))
    api.on(SHOW, ok(deployment(*draining)), ok(deployment(*draining, transition(8, "stopped"))))
    ended = bionic("stop", "shop")
    assert ended.code == 0
    assert "running     takes calls" not in ended.out
    assert "shop version 3 is stopped after" in ended.out
    assert bionic("stop", "shop", "--now", "--no-wait").code == 0
    assert api.bodies() == [{"drain": True}, {"drain": False}]


@pytest.mark.parametrize(
    ("told", "given", "ends", "code"),
    [
        ({"drainSeconds": 86_400.0}, (), 86_000, 0),
        ({"drainSeconds": 86_400.0}, (), 87_000, 1),
        ({"drainSeconds": 86_400.0}, ("--timeout", "10"), 60, 1),
        ({"drainSeconds": 0.0}, ("--now",), 290, 0),
        ({"drainSeconds": 0.0}, ("--now",), 310, 1),
        ({}, (), 3_890, 0),
        ({}, (), 3_910, 1),
    ],
)
def test_a_stop_is_watched_for_longer_than_calls_may_go_on(
    api: FakeApi,
    bionic: Bionic,
    monkeypatch: pytest.MonkeyPatch,
    told: Json,
    given: tuple[str, ...],
    ends: float,
    code: int,
) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    draining = [*RUNNING["transitions"], transition(5, "draining")]

    def show(_: httpx.Request) -> httpx.Response:
        return ok(deployment(*draining, *([transition(8, "stopped")] if now >= ends else [])))

    monkeypatch.setattr(watching, "_FIRST_PAUSE", 1.0)
    monkeypatch.setattr(watching, "_LONGEST_PAUSE", 60.0)  # a day is soon over
    monkeypatch.setattr(deploying, "Watch", partial(Watch, clock=lambda: now, sleep=sleep))
    api.on(HISTORY, ok({"items": [RUNNING], "nextCursor": None}))
    api.on("POST /api/agents/shop/stop", ok(RUNNING | {"status": "draining"} | told, 202))
    api.on(SHOW, show)
    ended = bionic("stop", "shop", *given)
    assert ended.code == code, ended.err
    assert ("is stopped after" in ended.out) == (code == 0)


def test_rollback_names_a_version_or_none(api: FakeApi, bionic: Bionic) -> None:
    api.on("POST /api/agents/shop/rollback", ok(BEGUN | {"version": 2}, 202))
    api.on(SHOW, ok(RUNNING | {"version": 2}))
    assert "Rolling back shop: version 2, 2 replicas" in bionic("rollback", "shop").out
    assert bionic("rollback", "shop", "--version", "2").code == 0
    assert api.bodies() == [{}, {"version": 2}]


@pytest.mark.parametrize(
    "answer", [problem(405, "Method Not Allowed"), problem(404, "There is nothing at this address.")]
)
def test_an_older_platform_is_called_so(api: FakeApi, bionic: Bionic, answer: httpx.Response) -> None:
    api.on("POST /api/agents/shop/rollback", answer)
    ended = bionic("rollback", "shop")
    assert ended.code == 1
    assert "has no “POST /api/agents/shop/rollback”: it is older than this command line." in ended.err


@pytest.mark.parametrize("verb", ["deploy", "rollback", "retry", "stop"])
def test_a_wish_says_why(api: FakeApi, bionic: Bionic, verb: str) -> None:
    api.on(f"POST /api/agents/shop/{verb}", ok(BEGUN, 202))
    assert bionic(verb, "shop", "--note", "It stutters.", "--no-wait").code == 0
    assert api.bodies()[0]["note"] == "It stutters."


def test_the_api_may_restart_meanwhile(api: FakeApi, bionic: Bionic) -> None:
    api.on("POST /api/agents/shop/deploy", ok(BEGUN, 202))
    gone = httpx.ConnectError("[Errno 111] Connection refused")
    api.on(SHOW, gone, gone, problem(503, "Postgres does not answer."), httpx.Response(502), ok(RUNNING))
    ended = bionic("deploy", "shop")
    assert ended.code == 0
    assert ended.out.count("asking again") == 1


def test_a_refusal_while_waiting_ends_it(api: FakeApi, bionic: Bionic) -> None:
    api.on("POST /api/agents/shop/deploy", ok(BEGUN, 202))
    api.on(SHOW, problem(404, f"There is no deployment “{BEGUN['id']}”."))
    assert bionic("deploy", "shop").code == 1


def test_time_is_bounded(api: FakeApi, bionic: Bionic) -> None:
    api.on("POST /api/agents/shop/deploy", ok(BEGUN, 202))
    api.on(SHOW, ok(BEGUN))
    ended = bionic("deploy", "shop", "--timeout", "1")
    assert ended.code == 1
    assert ended.err == "shop version 3 is validating after 1.0 s, not running. It goes on by itself.\n"


def test_ctrl_c_ends_the_watching_only(api: FakeApi, bionic: Bionic) -> None:
    def interrupt(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    api.on("POST /api/agents/shop/deploy", ok(BEGUN, 202))
    api.on(SHOW, interrupt)
    ended = bionic("deploy", "shop")
    assert ended.code == 130
    assert "shop version 3 goes on without you" in ended.out
    assert bionic("deploy", "shop", "--json").document == BEGUN


def test_ctrl_c_before_an_answer_leaves_a_doubt(api: FakeApi, bionic: Bionic) -> None:
    def interrupt(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    api.on("POST /api/agents/shop/deploy", interrupt)
    ended = bionic("deploy", "shop")
    assert (ended.code, ended.out) == (130, "")
    assert "The platform may have heard it: see bionic history shop" in ended.err


def test_history_tells_every_change(api: FakeApi, bionic: Bionic) -> None:
    back: Json = RUNNING | {"kind": "rollback", "version": 2}
    api.on(HISTORY, ok({"items": [back, FAILED], "nextCursor": "more"}))
    out = bionic("history", "shop", "--limit", "2").out
    assert "version 2  running  rollback  2 replicas" in out
    assert "version 3  failed  2 replicas" in out
    assert f"  12:00:01  +1.5 s      failed      {REASON}\n" in out
    assert bionic("history", "shop", "--limit", "2", "--json").document == {"items": [back, FAILED]}
    assert [request.url.params["limit"] for request in api.asked] == ["2", "2"]


def test_a_story_of_days_names_each_day(api: FakeApi, bionic: Bionic) -> None:
    later = transition(5, "degraded", "LiveKit is away.") | {"at": "2026-11-26T03:12:05Z"}
    api.on(SHOW, ok(deployment(*RUNNING["transitions"], later)))
    out = bionic("deployments", "show", BEGUN["id"]).out
    assert "running\n  2026-11-26\n  03:12:05  +39:12:03 h  degraded    LiveKit is away.\n" in out


def test_one_deployment(api: FakeApi, bionic: Bionic) -> None:
    api.on(SHOW, ok(FAILED))
    assert f"Temporal: {FAILED['workflowUrl']}" in bionic("deployments", "show", FAILED["id"]).out
    assert bionic("deployments", "show", FAILED["id"], "--json").document == FAILED


def test_never_deployed(api: FakeApi, bionic: Bionic) -> None:
    api.on(HISTORY, ok({"items": [], "nextCursor": None}))
    assert bionic("history", "shop").out == "shop was never deployed. Bring it up: bionic deploy shop\n"
