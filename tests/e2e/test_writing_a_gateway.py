"""Follows docs/writing-a-gateway.md as a reader does, in a copy of the checkout."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.starter.gateway_starter import MODULE_FILE
from tests.copied_checkout import CHECKOUT, copy_checkout
from tests.deadlines import PROCESS_SECONDS
from tests.e2e.js_client import JS_FOLDER
from tests.unit.docs.markdown import Block, all_blocks

PAGE = CHECKOUT / "docs" / "writing-a-gateway.md"
BIN = Path(sys.executable).parent
MAKE_CHECK = (("ruff", "check"), ("ruff", "format", "--check"), ("lint-imports",), ("mypy",))
OWN_GATEWAY = re.compile(
    r"from app\.gateways\.(?!ws_gateway)(?P<imported>\w+)_gateway import"
    r"|    (?!ws_gateway)\w+_gateway = providers\.Singleton\(\w+\)$"
)
SHOWN = frozenset({"text", "js"})
"""What the reader only looks at."""


def run(folder: Path, *command: str, stdin: str = "") -> None:
    """A command in the copy; it has to succeed."""
    finished = subprocess.run(  # noqa: S603 - our own page
        command,
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        check=False,
    )
    assert 0 == finished.returncode, finished.stdout + finished.stderr


def run_line(folder: Path, line: str) -> None:
    """A line of a shell block; what `make` would install is there already."""
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
            pytest.fail(f"no reader could run this: {line}")


def at_once(code: str) -> str:
    """The lines of a shell block, those that only test one after the other being one line."""
    return code.replace("\nmake test", "")


def follow(folder: Path, block: Block) -> None:
    """Do what the page says there."""
    match block.language:
        case "python":
            assert block.file, f"the block in line {block.line} belongs to no file"
            (folder / block.file).write_text(block.code)
        case "diff":
            run(folder, "git", "apply", "-", stdin=block.code)
        case "sh":
            for line in at_once(block.code).splitlines():
                run_line(folder, line)
        case language:
            assert language in SHOWN


def take_out_own_gateways(folder: Path) -> None:
    """The page begins with the project as it came: without what the starter wrote since."""
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
    """From the starter's command to `make check`, a real client included."""
    folder = copy_checkout(tmp_path)
    take_out_own_gateways(folder)
    run(folder, sys.executable, "-m", "app", "new", "gateway", "announce")
    take_out_own_gateways(folder)  # now there was one for certain
    (folder / JS_FOLDER.relative_to(CHECKOUT) / "node_modules").symlink_to(
        JS_FOLDER / "node_modules"
    )

    for block in all_blocks(PAGE):
        follow(folder, block)

    assert (folder / "tests" / "e2e" / "test_polls.py").exists()
