"""Tests tests/browser/chromium.py with a PATH that contains only scripts of the test."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.chromium import MISSING, install_chromium
from tests.e2e.server_process import CHECKOUT
from tests.run_program import run_program


class Machine:
    """A folder of shell scripts that serves as PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, name: str, script: str = "") -> Path:
        """Add a program, and return its path."""
        program = self.folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program

    def sets_up(self, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run chromium.py like the first step of ``make test``."""
        command = [sys.executable, "-m", "tests.browser.chromium"]
        return run_program(command, CHECKOUT, {"PATH": str(self.folder), **environment})


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("name", ["chromium-browser", "google-chrome", "microsoft-edge"])
def test_nothing_is_installed_when_a_browser_is_there(machine: Machine, name: str) -> None:
    machine.has(name)

    done = machine.sets_up()

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_the_named_browser_is_taken_when_the_environment_names_one(
    machine: Machine, tmp_path: Path
) -> None:
    mine = Machine(tmp_path).has("my-browser")

    assert 0 == machine.sets_up(CHROMIUM=str(mine)).returncode


def test_a_sentence_says_what_to_do_when_nothing_can_be_installed(machine: Machine) -> None:
    """Without a browser, the page's tests fail instead of being skipped."""
    machine.has("chromium", "echo 'install the snap first'; exit 1")

    done = machine.sets_up()

    assert (1, f"{MISSING}\n") == (done.returncode, done.stderr)


def test_debians_package_is_installed_when_root_has_apt(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    log = machine.folder / "apt.log"
    machine.has("apt-get", f'echo "$*" >> {log}')
    monkeypatch.setenv("PATH", str(machine.folder))

    install_chromium(is_root=True)

    assert ["update -qq", "install -y -qq --no-install-recommends chromium"] == (
        log.read_text().splitlines()
    )
    assert "Installing Chromium, Debian's package" in capfd.readouterr().out


@pytest.mark.parametrize("is_root", [True, False])
def test_playwrights_build_is_downloaded_when_apt_cannot_be_used(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    *,
    is_root: bool,
) -> None:
    log = machine.folder / "node.log"
    machine.has("node", f'echo "$*" >> {log}')
    if not is_root:
        machine.has("apt-get", f'echo "$*" >> {log}')
    monkeypatch.setenv("PATH", str(machine.folder))

    install_chromium(is_root=is_root)

    (command,) = log.read_text().splitlines()
    assert command.endswith("playwright-core/cli.js install chromium")
    assert "Downloading Playwright's Chromium" in capfd.readouterr().out
