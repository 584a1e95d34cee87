"""Follows docs/writing-a-gateway.md in a copy of the checkout, like a reader."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from app.cli.starter.gateway_starter import MODULE_FILE
from tests.copied_checkout import CHECKOUT, copy_checkout
from tests.e2e.js_client import JS_FOLDER
from tests.run_program import run_program
from tests.unit.docs.markdown import Block, all_blocks

PAGE = CHECKOUT / "docs" / "writing-a-gateway.md"
BIN = Path(sys.executable).parent
MAKE_CHECK = (("ruff", "check"), ("ruff", "format", "--check"), ("lint-imports",), ("mypy",))
OWN_GATEWAY = re.compile(
    r"from app\.gateways\.(?!ws_gateway)(?P<imported>\w+)_gateway import"
    r"|    (?!ws_gateway)\w+_gateway = providers\.Singleton\(\w+\)$"
)
SHOWN = frozenset({"text", "js"})
"""The languages of blocks that the test skips, because a reader does not run them."""


def run(folder: Path, *command: str, stdin: str = "") -> None:
    """Run a command in the copy, and check that it succeeds."""
    finished = run_program(command, folder, stdin=stdin)
    assert 0 == finished.returncode, finished.stdout + finished.stderr


def run_line(folder: Path, line: str) -> None:
    """Run a line of a shell block. `make` targets run without their installation steps."""
    match shlex.split(line, comments=True):
        case []:
            pass
        case ["make", "check"]:
            for program, *arguments in MAKE_CHECK:
                run(folder, str(BIN / program), *arguments)
        case ["make", "test", *arguments]:
            paths = [each.removeprefix("ARGS=") for each in arguments]
            run(folder, sys.executable, "-m", "pytest", "-q", *paths)
        case ["mkdir", *names]:
            for name in names:
                (folder / name).mkdir()
        case [".venv/bin/python", *arguments]:
            run(folder, sys.executable, *arguments)
        case _:
            pytest.fail(f"the test cannot run this line: {line}")


def at_once(code: str) -> str:
    """Join the consecutive `make test` lines of a shell block into one line."""
    return code.replace("\nmake test", "")


def follow(folder: Path, block: Block) -> None:
    """Execute a block of the page, or write the file that it shows."""
    match block.language:
        case "python":
            assert block.file, f"the block in line {block.line} names no file"
            (folder / block.file).write_text(block.code)
        case "diff":
            run(folder, "git", "apply", "-", stdin=block.code)
        case "sh":
            for line in at_once(block.code).splitlines():
                run_line(folder, line)
        case language:
            assert language in SHOWN


def remove_own_gateways(folder: Path) -> None:
    """Remove gateways that the starter has added: the page assumes a checkout without them."""
    module, kept = folder / MODULE_FILE, []
    for line in module.read_text().splitlines(keepends=True):
        own = OWN_GATEWAY.match(line)
        if own is None:
            kept.append(line)
        elif name := own["imported"]:
            for path in (
                Path("app", "gateways", f"{name}_gateway.py"),
                Path("app", "gateways", "dto", f"{name}_dto.py"),
                Path("tests", "unit", "gateways", f"test_{name}_gateway.py"),
            ):
                (folder / path).unlink(missing_ok=True)
    module.write_text("".join(kept))


def test_guide_ends_in_a_gateway_that_passes_everything_when_it_is_followed(
    tmp_path: Path,
) -> None:
    """The guide leads from the starter's command to `make check`, and includes a real client."""
    folder = copy_checkout(tmp_path)
    remove_own_gateways(folder)
    # The checkout may have had no gateways to remove, so add one and remove it.
    run(folder, sys.executable, "-m", "app", "new", "gateway", "announce")
    remove_own_gateways(folder)
    (folder / JS_FOLDER.relative_to(CHECKOUT) / "node_modules").symlink_to(
        JS_FOLDER / "node_modules"
    )

    for block in all_blocks(PAGE):
        follow(folder, block)

    assert (folder / "tests" / "e2e" / "test_polls.py").exists()
