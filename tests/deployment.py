"""Parses the Dockerfile, compose.yaml and the files in deploy/."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import typer
import yaml
from dotenv import dotenv_values

from app.cli.command_line import cli

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"

_VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?::(?P<kind>[?-])(?P<word>[^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction of a Dockerfile, such as ``COPY``, without line continuations and comments."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Directive:
    """A line ``name=value`` of a systemd unit. A name may occur several times."""

    section: str
    name: str
    value: str


def dockerfile() -> list[Instruction]:
    """Return the instructions of the Dockerfile, in order."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [
        Instruction(name, " ".join(arguments.split()))
        for line in lines
        if line
        for name, _, arguments in [line.partition(" ")]
    ]


def healthcheck_command() -> list[str]:
    """Return the command of the image's health check."""
    (check,) = [each for each in dockerfile() if each.name == "HEALTHCHECK"]
    command: list[str] = json.loads(check.arguments.partition("CMD ")[2])
    return command


def compose(environment: Mapping[str, str | None]) -> Any:
    """Return compose.yaml with its variables replaced, as Docker Compose replaces them.

    Raises:
        ValueError: A variable that compose.yaml requires is empty or missing.
    """

    def value(found: re.Match[str]) -> str:
        given = environment.get(found["name"])
        if not given and found["kind"] == "?":
            raise ValueError(f"{found['name']}: {found['word']}")
        return given or ""

    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(_VARIABLE.sub(value, text).replace("$$", "$"))


def compose_variables() -> set[str]:
    """Return the names of the variables in compose.yaml."""
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    return {found["name"] for found in _VARIABLE.finditer(text)}


def example_environment(*, with_comments: bool = False) -> dict[str, str | None]:
    """Return the variables of deploy/example.env, with or without those in comments."""
    text = (DEPLOY / "example.env").read_text(encoding="utf-8")
    if with_comments:
        text = re.sub(r"^# (?=[A-Z_]+=)", "", text, flags=re.MULTILINE)
    return dotenv_values(stream=StringIO(text), interpolate=False)


def nginx_template() -> str:
    """Return deploy/nginx.conf.template."""
    return (DEPLOY / "nginx.conf.template").read_text(encoding="utf-8")


def template_variables() -> set[str]:
    """Return the names of the variables in deploy/nginx.conf.template."""
    return {found["name"] for found in _VARIABLE.finditer(nginx_template())}


def cli_commands() -> set[str]:
    """Return the names of the commands of ``python -m app`` that its help lists."""
    commands = typer.main.get_group(cli).commands
    return {name for name, command in commands.items() if not command.hidden}


def systemd_unit() -> Iterator[Directive]:
    """Return the directives of the systemd unit, in order."""
    section = ""
    text = (DEPLOY / "chatgenius-realtime.service").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield Directive(section, name, value)
