"""Tests the Makefile with missing tools, and with failed and interrupted installations.

Python, pip, Node and npm are replaced by scripts: real installations take minutes and need a
network.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deadlines import PROCESS_SECONDS

ROOT = Path(__file__).parents[2]
JS = Path("tests", "e2e", "js")
RUNTIME = ".venv/.runtime"
CLIENT = f"{JS}/node_modules/.installed"

GOOD_PYTHON = """
case "$1 $2" in
  "-m venv") rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip") echo "$*" >> pip.log; touch .venv/half; [ ! -e fails ] || { cat fails >&2; exit 1; } ;;
esac
"""
OLD_PYTHON = '[ "$1" != -c ]'
GOOD_NPM = f"""
case "$1" in
  ci) rm -rf {JS}/node_modules; mkdir -p {JS}/node_modules/half
      [ ! -e fails ] || {{ cat fails >&2; exit 1; }} ;;
esac
"""


class Machine:
    """A machine with only make, a shell, and the programs that a test adds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._programs = folder / "bin"
        self._programs.mkdir()
        for name in ("cat", "cp", "echo", "mkdir", "rm", "sed", "sh", "touch"):
            found = shutil.which(name)
            assert found
            (self._programs / name).symlink_to(found)
        (folder / JS).mkdir(parents=True)
        (folder / "scripts").mkdir()
        for file in (
            "Makefile",
            "requirements.txt",
            "scripts/run-installer",
            f"{JS}/package.json",
            f"{JS}/package-lock.json",
        ):
            shutil.copy(ROOT / file, folder / file)

    def has(self, name: str, script: str = "") -> None:
        program = self._programs / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def make(self, target: str) -> "subprocess.CompletedProcess[str]":
        make = shutil.which("make")
        assert make
        return subprocess.run(  # noqa: S603 - a constant command
            [make, target],
            cwd=self.folder,
            env={"PATH": str(self._programs)},
            capture_output=True,
            text=True,
            timeout=PROCESS_SECONDS,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with the Makefile and the files that its targets need."""
    return Machine(tmp_path)


def complaint(finished: "subprocess.CompletedProcess[str]") -> str:
    """Return the last sentence on standard error before make's own line about the failure."""
    assert 2 == finished.returncode
    *_, sentence, makes_own = finished.stderr.splitlines()
    assert makes_own.startswith("make: ***")
    return sentence


@pytest.mark.parametrize("names", [(), ("python3",), ("python3.11", "python3")])
def test_install_asks_for_python_when_there_is_none_that_is_new_enough(
    machine: Machine, names: tuple[str, ...]
) -> None:
    """The error leaves no virtual environment behind."""
    for name in names:
        machine.has(name, OLD_PYTHON)

    sentence = complaint(machine.make(RUNTIME))

    assert "Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3.11" == sentence
    assert not (machine.folder / ".venv").exists()


def test_install_starts_again_when_the_first_one_was_cut_short(machine: Machine) -> None:
    """An incomplete virtual environment is removed first."""
    machine.has("python3.11", GOOD_PYTHON)
    (machine.folder / "fails").touch()

    failed = machine.make(RUNTIME)
    was_half_there = (machine.folder / ".venv" / "half").exists()
    (machine.folder / "fails").unlink()
    (machine.folder / ".venv" / "from-before").touch()
    again = machine.make(RUNTIME)

    assert 2 == failed.returncode
    assert was_half_there
    assert (0, "") == (again.returncode, again.stderr)
    assert not (machine.folder / ".venv" / "from-before").exists()
    assert (machine.folder / RUNTIME).exists()


NO_NETWORK = "the package registry cannot be reached; check the network and the proxy settings"


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (
            "WARNING: [Errno -2] Name or service not known\nERROR: No matching distribution\n",
            NO_NETWORK,
        ),
        (
            "ERROR: In --require-hashes mode, all requirements must have their versions pinned.\n",
            "In --require-hashes mode, all requirements must have their versions pinned",
        ),
        (
            "ERROR: Could not install packages: [Errno 28] No space left on device\n",
            "Could not install packages: [Errno 28] No space left on device",
        ),
        ("Killed\n", "see its messages above"),
    ],
)
def test_install_names_the_cause_when_pip_fails(machine: Machine, said: str, cause: str) -> None:
    """The cause is printed after pip's own messages."""
    machine.has("python3.11", GOOD_PYTHON)
    (machine.folder / "fails").write_text(said)

    finished = machine.make(RUNTIME)

    sentence = f"pip could not install everything: {cause}. Fix this and run make again."
    assert sentence == complaint(finished)
    assert finished.stderr.startswith(said)


def test_install_names_the_cause_when_the_environment_cannot_be_made(machine: Machine) -> None:
    """By itself, the module venv prints only the command that failed."""
    machine.has(
        "python3.11",
        """
case "$1 $2" in
  "-m venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python; echo "Error: Command '...'"; exit 1 ;;
  "-m ensurepip") echo "ERROR: [Errno 28] No space left on device" >&2; exit 1 ;;
esac
""",
    )

    sentence = complaint(machine.make(RUNTIME))

    assert "pip could not install everything: [Errno 28] No space left on device. " in sentence
    assert not (machine.folder / RUNTIME).exists()


def test_install_does_nothing_when_it_was_finished(machine: Machine) -> None:
    machine.has("python3.11", GOOD_PYTHON)

    first, second = (machine.make(RUNTIME) for _ in range(2))

    assert [0, 0] == [first.returncode, second.returncode], first.stderr
    assert 1 == len((machine.folder / "pip.log").read_text().splitlines())


@pytest.mark.parametrize("programs", [{}, {"node": ""}, {"npm": ""}, {"node": "exit 1", "npm": ""}])
def test_test_asks_for_node_when_node_or_npm_is_missing_or_old(
    machine: Machine, programs: dict[str, str]
) -> None:
    """The end-to-end tests need Node.js; the server does not."""
    for name, script in programs.items():
        machine.has(name, script)

    sentence = complaint(machine.make(CLIENT))

    assert sentence.startswith("Node.js 20 or newer, with npm, is needed")
    assert sentence.endswith("see nodejs.org.")


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("npm error code EAI_AGAIN\nnpm error network request failed\n", NO_NETWORK),
        (
            "npm ERR! code ENOSPC\nnpm ERR! errno -28\nnpm ERR! nospc ENOSPC: no space left\n",
            "nospc ENOSPC: no space left",
        ),
        (
            "npm error code EINTEGRITY\nnpm error Integrity checksum failed when using sha512\n",
            "Integrity checksum failed when using sha512",
        ),
    ],
)
def test_test_installs_the_client_again_when_npm_failed_half_way(
    machine: Machine, said: str, cause: str
) -> None:
    """If the folder lacks the stamp file, the installation was not completed."""
    machine.has("node")
    machine.has("npm", GOOD_NPM)
    (machine.folder / "fails").write_text(said)

    sentence = complaint(machine.make(CLIENT))
    (machine.folder / "fails").unlink()
    again = machine.make(CLIENT)

    assert f"npm could not install everything: {cause}. Fix this and run make again." == sentence
    assert 0 == again.returncode
    assert (machine.folder / CLIENT).exists()


@pytest.mark.parametrize(
    ("arguments", "in_workers"),
    [("", True), ("-x", True), ("tests/e2e/test_limits.py", False), ("-k new tests/unit", False)],
)
def test_test_runs_in_workers_unless_a_part_of_the_suite_is_named(
    arguments: str, *, in_workers: bool
) -> None:
    """A single file runs faster without workers, because these take time to start."""
    make = shutil.which("make")
    assert make
    shown = subprocess.run(  # noqa: S603 - a constant command
        [make, "--dry-run", "--always-make", "test", f"ARGS={arguments}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        check=False,
    )

    (command,) = [line for line in shown.stdout.splitlines() if "-m pytest" in line]
    assert in_workers is ("--numprocesses" in command)
    assert command.endswith(arguments)
