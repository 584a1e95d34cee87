"""Tests that Dockerfile agrees with the code. tests/e2e/test_nginx.py runs the health check."""

import json

from app.config.settings import Settings
from tests.deployment import ROOT, Instruction, cli_commands, dockerfile, healthcheck_command
from tests.unit.test_requirements import SUPPORTED_PYTHONS


def stages() -> list[list[Instruction]]:
    """Return the instructions of each stage, without those before the first FROM."""
    found: list[list[Instruction]] = []
    for each in dockerfile():
        if each.name == "FROM":
            found.append([])
        if found:
            found[-1].append(each)
    return found


def arguments(instructions: list[Instruction], name: str) -> list[str]:
    return [each.arguments for each in instructions if each.name == name]


def test_both_stages_have_the_newest_supported_python() -> None:
    (image,) = arguments(dockerfile(), "ARG")

    froms = [stage[0].arguments for stage in stages()]

    assert f"PYTHON_IMAGE=python:{SUPPORTED_PYTHONS[-1]}-slim" == image
    assert ["${PYTHON_IMAGE} AS packages", "${PYTHON_IMAGE}"] == froms


def test_exactly_the_locked_packages_are_installed_without_a_compiler() -> None:
    (run,) = arguments(stages()[0], "RUN")

    assert "--no-deps --require-hashes --only-binary=:all: --requirement requirements.txt" in run


def test_final_image_installs_no_tool_and_does_not_run_as_root() -> None:
    *_, final = stages()
    commands = [each for run in arguments(final, "RUN") for each in run.split(" && ")]

    assert ["useradd", "install", "python"] == [each.split()[0] for each in commands]
    assert "useradd --uid 10001 " in commands[0]
    assert ["chatgenius"] == arguments(final, "USER")


def test_image_listens_on_the_servers_port() -> None:
    (assignments,) = arguments(stages()[-1], "ENV")
    variables = dict(each.split("=", 1) for each in assignments.split())
    port = str(Settings.model_fields["port"].default)

    exposed = arguments(stages()[-1], "EXPOSE")

    assert {name.upper() for name in Settings.model_fields} >= set(variables) - {"PATH"}
    assert [port] == exposed
    assert port == variables["PORT"]


def test_command_is_one_of_the_application() -> None:
    entry_point, command = (
        json.loads(*arguments(stages()[-1], name)) for name in ("ENTRYPOINT", "CMD")
    )

    assert ["python", "-m", "app"] == entry_point
    assert command[0] in cli_commands()


def test_health_check_requests_the_liveness_endpoint() -> None:
    """A database that is down must not make an orchestrator restart the servers."""
    assert "/health/live" in healthcheck_command()[-1]


def test_build_context_contains_only_the_copied_files() -> None:
    """Secrets, such as .env, are never sent to the Docker engine."""
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = {
        each.split()[0]
        for stage in stages()
        for each in arguments(stage, "COPY")
        if not each.startswith("--from=")
    }

    rules = [line for line in ignore if not line.startswith("#")]

    assert "*" == rules[0]
    assert copied == {line[1:] for line in rules if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)
