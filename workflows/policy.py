"""Queues, timeouts, retry policies and search attributes, all in one place."""

from __future__ import annotations

from datetime import timedelta

from temporalio.common import RetryPolicy, SearchAttributeKey

CONTROL_QUEUE = "bionic-control"
"""Workflows and short activities."""

RUNTIME_QUEUE = "bionic-runtime"
"""Long-running agent activities: one slot of a host each."""

AGENT_SLUG = SearchAttributeKey.for_keyword("AgentSlug")
AGENT_VERSION = SearchAttributeKey.for_int("AgentVersion")
AGENT_STATUS = SearchAttributeKey.for_keyword("AgentStatus")
DEPLOYMENT_ID = SearchAttributeKey.for_keyword("DeploymentId")
LIVEKIT_URL = SearchAttributeKey.for_keyword("LiveKitUrl")

SEARCHES_NAME_THE_NEWEST = "searches-name-the-newest"
"""A patch: before it, a version that replaced a running one was not found by its number."""

TRIALS_CLEAR_UP = "trials-clear-up"
"""A patch: before it, replicas of a superseded trial stayed for as long as the next one."""

NEWER_ORDERS_COUNT = "newer-orders-count"
"""A patch: before it, an order to end that a dead host did not take ended the attempt of another."""

AGENTS_ON_THEIR_WAY = "agents-on-their-way"
"""A patch: before it, a call's patience was the same whether a host had its agent's job or not, and a loss
that was told while the next agent was sent had one more sent."""

ALARMS_ONCE = "alarms-once"
"""A patch: before it, an agent that was sent since a host had registered told of the tries once more."""

HEALTHY_TAKE_OVER = "healthy-take-over"
"""A patch: before it, a version that had lost its registrations while it was on trial replaced the live one,
and of too many replicas any might go."""

ONCE = RetryPolicy(maximum_attempts=1)

VALIDATE_PROMPTLY = timedelta(seconds=1)
"""How long the answer to a deploy request may wait for validation; what takes longer is done after it."""

VALIDATE_IN_LINE = timedelta(seconds=4)
"""The same, with the time in line behind many others."""

VALIDATE_TIMEOUT = timedelta(seconds=15)
VALIDATE_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), backoff_coefficient=2.0, maximum_attempts=3
)
"""A person waits for the verdict: three tries at what may be a hiccup, then the reason."""

RECORD_TIMEOUT = timedelta(seconds=10)
RECORD_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10)
)
"""Without a last attempt: Postgres being away must lose nothing."""

HOST_TIMEOUT = timedelta(days=3650)
"""An agent runs until it is told to stop."""

HOST_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=5)
)
"""The only loop that registers an agent again. It never begins anew, so its longest wait is a short one. An
error that retrying can't cure says so itself."""

RELEASE_TIMEOUT = timedelta(seconds=15)
"""How long a host has to take up the order to drain; one that does not is told by its next heartbeat."""

NOTICE = timedelta(seconds=5)
"""How long a replaced version still takes calls: tokens name their version, and some are on their way."""

HANDOVER = timedelta(seconds=2)
"""How long a host that gives agents up still takes their calls, where no other one takes agents."""

MOVE_TIMEOUT = timedelta(seconds=20)
"""How long an agent counts as on its way, calls being answered, while its old host says nothing else."""

HEARTBEAT = timedelta(seconds=2)
"""Between two heartbeats of a host, and of an agent that is not registered yet."""

HEARTBEAT_TIMEOUT = 3 * HEARTBEAT
"""A host that is silent for this long has lost its agents."""

AGENT_HEARTBEAT = timedelta(seconds=100)
"""Between two heartbeats of an agent that is registered; news of its calls comes between. Its host's
heartbeat vouches for it: one for all, where a thousand would be half of Temporal's load."""

AGENT_HEARTBEAT_TIMEOUT = timedelta(minutes=15)
"""The last resort, should nobody notice that an agent's host is lost. Temporal may be away for some minutes
without every agent beginning anew."""

HOST_ACTIVITY_ID = "1"
"""Of `host_agent` in its replica's workflow: so it can be failed from outside when its host is lost."""

BOOT_TIMEOUT = timedelta(minutes=1)
"""How long a host may take to boot. Until then it has no agents."""

BACK_AGAIN = timedelta(seconds=1)
"""Before a host that was silent, and is there after all, is listened to again."""

LAST_LOOKS = 6
LAST_LOOK_EVERY = timedelta(seconds=12)
"""How often a lost host is looked after, and how long after each other. Temporal takes up to 70 s to find
that a frozen process does not listen: until then it may give it agents."""

PROCESS = "process"
"""Memo of a host's workflow: the process that has the name now."""

HAND_ON_TIMEOUT = timedelta(minutes=2)
"""For the agents of one lost host."""

START_AT_ONCE = timedelta(seconds=10)
"""Replicas that register within this time go straight to running; slower ones are shown as starting."""

START_PATIENCE = timedelta(minutes=2)
"""How long a rollout waits for its replicas to register before it fails."""

TRIAL_HEARTBEAT_TIMEOUT = timedelta(seconds=30)
"""Whoever judges a version on trial says so often that it is at it."""

TRIAL_GRACE = timedelta(minutes=10)
"""On top of a canary step's own time: Postgres may be away when the verdict is due."""

STICKY_TIMEOUT = timedelta(seconds=2)
"""How long a task waits for the control worker that knows its workflow before any other may have it. That one
may have been killed: with Temporal's ten seconds, a machine that died with both a control worker and a host
had its agents elsewhere after twenty."""

RECONCILE = "reconcile"
"""The id of the schedule that compares Temporal, Postgres and LiveKit, and of its workflows."""

RECONCILE_EVERY = timedelta(minutes=1)

PLATFORM = "platform"
"""The actor of what nobody asked for."""

RECONCILER = "reconciler"
"""The actor of what it does."""

RECONCILE_HEARTBEAT_TIMEOUT = timedelta(seconds=30)
LOOK_TIMEOUT = timedelta(minutes=5)
MEND_TIMEOUT = timedelta(minutes=10)
RECONCILE_TIMEOUT = timedelta(minutes=30)
"""Of a whole round. It is over within seconds, unless much is to be mended."""


TOKEN_LIFETIME = timedelta(minutes=10)
"""Long enough to join; who is in the room stays, for LiveKit renews the token of a connected participant."""

NO_SHOW = TOKEN_LIFETIME + timedelta(minutes=1)
"""A call to which nobody has come by then is abandoned: a caller may join at a token's last moment, and an
agent is a little later still."""

LEFT_GRACE = timedelta(seconds=1)
"""An agent that left its room may be about to say that the call is over."""

SENT_PATIENCE = timedelta(seconds=1.5)
"""How long an agent that was sent to a waiting caller may take to appear: most take a third of a second."""

TAKEN_WITHIN = timedelta(seconds=0.8)
"""An agent that was sent to a host is mostly in the room by then, or its host says that it has the job."""

COMING_WITHIN = timedelta(seconds=15)
"""How long an agent may be on its way from a host that is there: for so long its process may take to begin,
and its host tells if it is lost. To send one more would make a busy host slower still."""

CALL_CHECK = timedelta(minutes=5)
"""Between two looks at a call of which nothing is heard: news may have been lost while Temporal was away."""

CALL_TRIES = 5
"""Agents sent in a row of which none stayed, before the caller is told and operators are."""

CALL_TRIES_AT_ONCE = 2
"""How many of them are sent without a pause before."""

CALL_PAUSE = timedelta(seconds=10)
"""The longest wait between two tries to send an agent."""

CALL_LAST_TRY = 40
"""After so many in a row, some six minutes, the call is ended."""

LOOK_AT_CALL_TIMEOUT = timedelta(seconds=6)
SEND_AGENT_TIMEOUT = timedelta(seconds=10)
SEND_AGENT_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=2)
)
SEND_AGENT_WITHIN = timedelta(seconds=15)
"""Somebody waits, and LiveKit or Postgres may be away: then it is one of the tries that operators hear of."""

GIVE_UP_WITHIN = timedelta(minutes=1)

CALL_LOST_FROM_SIGHT = 90
"""After so many looks in a row, some fifteen minutes, of which LiveKit answered none, a call that no host has
is ended."""


AFTER_QUEUE = "bionic-after"
"""What is done with calls that are over: slow, and never in the way of those that go on."""

SETTLE = timedelta(seconds=10)
"""How long an agent may still write after its call is over."""

STEP_TIMEOUT = timedelta(minutes=5)
STEP_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=2),
    backoff_coefficient=3.0,
    maximum_interval=timedelta(minutes=5),
    maximum_attempts=6,
)
"""Some ten minutes in all; then the step has failed, until somebody asks for it again."""

RECORDING_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1), maximum_attempts=20
)
"""A host that died with a recording in its spool may be back within a quarter of an hour."""

PAGE_TIMEOUT = timedelta(seconds=30)
REPROCESS_AT_ONCE = 8
"""Calls that are done again at the same time."""


def after_workflow_id(call_id: str, why: str) -> str:
    """What is done with a call; `why` tells it from what is done with it at other times."""
    return f"after-{call_id}-{why}"


def reprocess_workflow_id(reprocess_id: str) -> str:
    """The one workflow of a wish to do steps again."""
    return f"reprocess-{reprocess_id}"


def call_workflow_id(call_id: str) -> str:
    """The one workflow of a call."""
    return f"call-{call_id}"


def host_queue(host: str) -> str:
    """The queue that only this host polls."""
    return f"{RUNTIME_QUEUE}-{host}"


def host_workflow_id(host: str) -> str:
    """The one workflow of a host."""
    return f"host-{host}"


def agent_workflow_id(agent_id: str) -> str:
    """The one workflow of an agent."""
    return f"agent-{agent_id}"


def replica_workflow_id(agent_id: str, version: int, number: int) -> str:
    """The workflow of one registration with LiveKit."""
    return f"agent-{agent_id}-v{version}-r{number}"
