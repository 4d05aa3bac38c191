"""docker-compose.yml keeps its promises, as far as that can be told without running it."""

from __future__ import annotations

import json
import re
import shlex
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from common.settings import DEV_LIVEKIT_API_KEY, DEV_LIVEKIT_API_SECRET, DEV_LIVEKIT_URL, Settings
from stack.config import PROJECT
from stack.services import SEARCH_ATTRIBUTES
from tests.compose.conftest import KEYS, Compose
from workers.runtime.host import GOING_SECONDS

pytestmark = pytest.mark.unit

Services = dict[str, dict[str, Any]]

OURS = ("migrate", "api", "control", "runtime")
ONE_SHOTS = ("migrate", "temporal-setup")
THEIRS = ("postgres", "temporal", "temporal-setup", "temporal-ui", "livekit")
DOCKERFILE = PROJECT / "docker" / "Dockerfile"


def ports(service: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Address and port of the machine, port of the container, protocol, however this compose writes them."""
    found = []
    for port in service.get("ports", []):
        if isinstance(port, dict):
            parts = (port.get("host_ip", ""), port["published"], port["target"], port["protocol"])
            found.append(tuple(str(part) for part in parts))
        else:
            match = re.fullmatch(r"(?:([\d.]+):)?(\d+):(\d+)/(tcp|udp)", port)
            assert match, port
            found.append(match.groups(""))
    return found  # type: ignore[return-value]  # of four each


def seconds(duration: str) -> int:
    """`1h2m0s` and `62m` as seconds."""
    parts = re.findall(r"(\d+)([hms])", duration)
    assert parts, duration
    return sum(int(number) * {"h": 3600, "m": 60, "s": 1}[unit] for number, unit in parts)


def image_version(service: dict[str, Any]) -> str:
    return str(service["image"]).rpartition(":")[2]


def go_module(tool: str, module: str) -> str:
    """The version of a module that a server of `make up` is built from."""
    found = re.search(
        rf"^\s*{module} v(\S+)", (PROJECT / "tools" / tool / "go.mod").read_text(), re.MULTILINE
    )
    assert found
    return found[1]


def dockerfile() -> list[list[str]]:
    """The instructions, as words."""
    text = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE))
    return [line.split() for line in text.splitlines() if line.strip()]


def test_there_is_everything(services: Services) -> None:
    assert set(services) == {*OURS, *THEIRS}


def test_addresses_of_the_seed_reach_the_api(services: Services) -> None:
    aliases = services["api"]["networks"]["default"]["aliases"]
    assert set(aliases) == {"agent-builder", "agent-dashboard", "agent-runtime"}
    assert ports(services["api"]) == [("127.0.0.1", "8080", "8080", "tcp")]
    assert services["api"]["environment"]["BIONIC_API_HOST"] == "0.0.0.0"


@pytest.mark.parametrize("name", OURS)
def test_defaults_of_the_seed_reach_every_service(services: Services, name: str) -> None:
    environment = services[name]["environment"]
    assert environment["LIVEKIT_URL"] == DEV_LIVEKIT_URL == "ws://localhost:7880"
    assert environment["LIVEKIT_API_KEY"] == DEV_LIVEKIT_API_KEY
    assert environment["LIVEKIT_API_SECRET"] == DEV_LIVEKIT_API_SECRET
    assert environment["LIVEKIT_INTERNAL_URL"] == "ws://livekit:7880"
    assert environment["AGENT_RUNTIME_API_URL"] == "http://agent-runtime:8080"
    assert environment["TEMPORAL_ADDRESS"] == "temporal:7233"
    assert environment.items() >= KEYS.items()


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_ours_is_a_setting(services: Services, name: str) -> None:
    assert {variable.lower() for variable in services[name]["environment"]} <= set(Settings.model_fields)


def test_one_database(services: Services) -> None:
    postgres = services["postgres"]["environment"]
    urls = {services[name]["environment"]["DATABASE_URL"] for name in OURS}
    assert len(urls) == 1
    url = urlsplit(urls.pop())
    assert (url.scheme, url.hostname, url.port, url.path) == ("postgresql", "postgres", 5432, "/liveagents")
    assert url.path == f"/{postgres['POSTGRES_DB']}"
    assert (url.username, url.password) == (postgres["POSTGRES_USER"], postgres["POSTGRES_PASSWORD"])
    temporal = services["temporal"]["environment"]
    assert temporal["POSTGRES_SEEDS"] == "postgres"
    assert (temporal["POSTGRES_USER"], temporal["POSTGRES_PWD"]) == (url.username, url.password)
    assert any("postgres" in str(volume) for volume in services["postgres"]["volumes"])


def test_a_changed_password_reaches_all(compose: Compose) -> None:
    done = compose({**KEYS, "POSTGRES_PASSWORD": "another"})
    found = yaml.safe_load(done.stdout)["services"]
    assert found["postgres"]["environment"]["POSTGRES_PASSWORD"] == "another"
    assert found["temporal"]["environment"]["POSTGRES_PWD"] == "another"
    assert all(":another@" in found[name]["environment"]["DATABASE_URL"] for name in OURS)


@pytest.mark.parametrize("missing", KEYS)
@pytest.mark.parametrize("empty", [True, False])
def test_the_two_keys_have_no_default(compose: Compose, missing: str, empty: bool) -> None:
    given = {name: value for name, value in KEYS.items() if name != missing}
    done = compose(given | ({missing: ""} if empty else {}))
    assert done.returncode != 0
    assert f"set {missing} in .env; make one with `openssl rand" in done.stderr


def test_the_example_names_the_two_keys_and_gives_neither() -> None:
    lines = (PROJECT / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == [f"{name}=" for name in KEYS]


def test_every_setting_of_the_example_exists() -> None:
    said = set(re.findall(r"^#?([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    used = set(re.findall(r"\$\{([A-Z_]+)", (PROJECT / "docker-compose.yml").read_text()))
    assert said == used


def test_only_this_machine_gets_in(services: Services) -> None:
    for name, service in services.items():
        assert {address for address, *_ in ports(service)} <= {"127.0.0.1"}, name


def test_a_published_address_opens_neither_database_nor_temporal(compose: Compose) -> None:
    found = yaml.safe_load(compose({**KEYS, "BIONIC_PUBLISH_ADDRESS": "0.0.0.0"}).stdout)["services"]
    open_to_all = {
        name for name, service in found.items() if any(port[0] == "0.0.0.0" for port in ports(service))
    }
    assert open_to_all == {"api", "livekit"}


def test_runtime_is_scalable(services: Services) -> None:
    runtime = services["runtime"]
    assert "container_name" not in runtime
    assert "hostname" not in runtime
    assert ports(runtime) == []
    drain = float(runtime["environment"]["BIONIC_DRAIN_SECONDS"])
    assert seconds(runtime["stop_grace_period"]) > drain + GOING_SECONDS


def test_everything_comes_back_but_one_shots(services: Services) -> None:
    for name, service in services.items():
        assert service["restart"] == ("no" if name in ONE_SHOTS else "unless-stopped"), name
        # The image of Temporal's UI brings nothing that could ask.
        assert ("healthcheck" in service) == (name not in {*ONE_SHOTS, "temporal-ui"}), name


def test_nothing_starts_before_what_it_needs(services: Services) -> None:
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if needed in ONE_SHOTS else "service_healthy"
            if (name, needed) in {("runtime", "api"), ("runtime", "control")}:
                wanted = "service_started"  # for the order of stopping only
            assert how["condition"] == wanted, (name, needed)
    for name in ("api", "control", "runtime"):
        assert set(ONE_SHOTS) <= set(services[name]["depends_on"])


@pytest.mark.parametrize("name", OURS)
def test_ours_may_do_little(services: Services, name: str) -> None:
    service = services[name]
    assert service["init"] is True
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["image"] == services["api"]["image"]
    assert ["USER", "bionic"] in dockerfile()


def test_search_attributes_are_those_of_the_stack(services: Services) -> None:
    environment = services["temporal-setup"]["environment"]
    found = dict(pair.split("=") for pair in environment["SEARCH_ATTRIBUTES"].split())
    assert found == SEARCH_ATTRIBUTES
    namespace = services["temporal"]["environment"]["DEFAULT_NAMESPACE"]
    assert (
        environment["TEMPORAL_NAMESPACE"] == namespace == services["api"]["environment"]["TEMPORAL_NAMESPACE"]
    )


def test_servers_have_the_versions_of_the_stack(services: Services) -> None:
    livekit = go_module("livekit-server", "github.com/livekit/livekit-server")
    assert services["livekit"]["image"] == f"livekit/livekit-server:v{livekit}"
    server = go_module("temporal", "go.temporal.io/server")
    assert services["temporal"]["image"] == f"temporalio/auto-setup:{server}"
    assert services["temporal-setup"]["image"].startswith(f"temporalio/admin-tools:{server}-")
    ui = go_module("temporal", "github.com/temporalio/ui-server/v2")
    assert services["temporal-ui"]["image"] == f"temporalio/ui:{ui}"
    assert int(image_version(services["postgres"]).partition(".")[0]) >= 16


def test_livekit_has_our_keys_and_calls_our_api(services: Services) -> None:
    livekit = services["livekit"]
    config = yaml.safe_load((PROJECT / "docker" / "livekit" / "livekit.yaml").read_text())
    keys = yaml.safe_load(livekit["environment"]["LIVEKIT_KEYS"])
    assert keys == {DEV_LIVEKIT_API_KEY: DEV_LIVEKIT_API_SECRET}
    assert livekit["environment"]["LIVEKIT_WEBHOOK_API_KEY"] == DEV_LIVEKIT_API_KEY
    assert livekit["environment"]["NODE_IP"] == "127.0.0.1"
    assert config["webhook"]["urls"] == ["http://api:8080/api/webhooks/livekit"]
    # LiveKit tells browsers its own ports: the machine's must be the same.
    assert {(host, inside, protocol) for _, host, inside, protocol in ports(livekit)} == {
        (str(config["port"]),) * 2 + ("tcp",),
        (str(config["rtc"]["tcp_port"]),) * 2 + ("tcp",),
        (str(config["rtc"]["udp_port"]),) * 2 + ("udp",),
    }


def test_a_livekit_elsewhere_is_reached_at_its_own_address(compose: Compose) -> None:
    done = compose({**KEYS, "LIVEKIT_URL": "wss://livekit.example.com", "LIVEKIT_INTERNAL_URL": ""})
    environment = yaml.safe_load(done.stdout)["services"]["runtime"]["environment"]
    assert environment["LIVEKIT_URL"] == "wss://livekit.example.com"
    assert environment["LIVEKIT_INTERNAL_URL"] == ""


def test_commands_run_modules_that_exist(services: Services) -> None:
    commands = [services[name]["command"] for name in OURS]
    commands.append(json.loads(next(" ".join(words[1:]) for words in dockerfile() if words[0] == "CMD")))
    for command in commands:
        words = shlex.split(command) if isinstance(command, str) else command
        assert words[:2] == ["python", "-m"]
        assert find_spec(words[2]), words[2]
        assert find_spec(f"{words[2]}.__main__"), words[2]


def test_health_checks_run_files_that_exist(services: Services) -> None:
    for name in ("api", "control", "runtime"):
        kind, program, script, *arguments = services[name]["healthcheck"]["test"]
        assert (kind, program) == ("CMD", "python")
        assert (PROJECT / script).is_file(), script
        assert arguments == ([] if name == "api" else [name])


def test_mounted_folders_hold_what_is_asked_of_them(services: Services) -> None:
    assert services["temporal-setup"]["entrypoint"] == ["sh", "/setup/setup.sh"]
    assert (PROJECT / "docker" / "temporal" / "setup.sh").is_file()
    assert services["livekit"]["command"] == ["--config", "/etc/livekit/livekit.yaml"]
    assert (PROJECT / "docker" / "livekit" / "livekit.yaml").is_file()


def test_the_image_is_made_of_what_is_there() -> None:
    allowed = {
        line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied: set[str] = set()
    for words in dockerfile():
        if words[0] == "COPY" and not words[1].startswith("--from="):
            copied.update(source.rstrip("/") for source in words[1:-1])
    assert copied >= {"pyproject.toml", "uv.lock", "api", "workers", "web"}
    for source in copied:
        assert (PROJECT / source).exists(), source
        assert source.partition("/")[0] in allowed, f".dockerignore keeps {source} out of the build"
    assert {name.partition("/")[0] for name in copied} == allowed


def test_the_image_has_no_servers_and_no_test_tools() -> None:
    syncs = [line for line in DOCKERFILE.read_text().splitlines() if "uv sync" in line]
    assert syncs
    for line in syncs:
        assert "--frozen" in line
        assert "--no-default-groups" in line
        assert "--group" not in line
