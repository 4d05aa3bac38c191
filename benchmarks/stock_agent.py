"""A voice agent as LiveKit's documentation shows it: `python stock_agent.py start`."""

from __future__ import annotations

import os

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobProcess, cli, inference

from agents.config import OfflineStt, OfflineTts, ScriptedLlm, parse_config
from agents.providers.offline.recogniser import POOL
from agents.providers.offline.stt import OfflineSTT
from agents.providers.offline.tts import OfflineTTS
from agents.providers.scripted.llm import ScriptedLLM
from benchmarks.sample import CONFIG, STOCK_NAME

# All options are the defaults, but for where the health check listens: 8081 on all interfaces may be taken.
server = AgentServer(host="127.0.0.1", port=int(os.environ.get("STOCK_HEALTH_PORT", "8081")))


def prewarm(process: JobProcess) -> None:
    """Load the models before there is a call."""
    process.userdata["vad"] = inference.VAD()
    POOL.warm(dictation=False)


server.setup_fnc = prewarm


@server.rtc_session(agent_name=STOCK_NAME)
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    config = parse_config(CONFIG)
    assert isinstance(config.stt, OfflineStt)
    assert isinstance(config.llm, ScriptedLlm)
    assert isinstance(config.tts, OfflineTts)
    vad = ctx.proc.userdata["vad"]
    session: AgentSession[None] = AgentSession(
        stt=OfflineSTT(config.stt.options, vad=vad, language=config.language),
        llm=ScriptedLLM(config.llm.options),
        tts=OfflineTTS(config.tts.options),
        vad=vad,
    )
    await session.start(Agent(instructions=config.instructions), room=ctx.room)
    await ctx.connect()
    if config.greeting:
        session.say(config.greeting)


if __name__ == "__main__":
    cli.run_app(server)
