"""Finds a browser for the tests of the page, or installs one.

``make test`` runs this module as ``python -m tests.browser.chromium``.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "microsoft-edge-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
"""The browsers' commands, and then the paths of the browsers' applications on macOS."""

MISSING = (
    "The tests of the page need Chromium, Chrome or Edge, and Chromium could not be installed. "
    "Install one, or name one: CHROMIUM=/path/to/chromium make test"
)

_PLAYWRIGHT = Path(__file__).parent / "js" / "node_modules" / "playwright-core"
_PRINT_PLAYWRIGHTS = "console.log(require(process.argv[1]).chromium.executablePath())"
_ANSWER_SECONDS = 60


def find_chromium() -> str | None:
    """Return the program in the environment variable CHROMIUM, or the first browser that starts."""
    named = os.environ.get("CHROMIUM")
    candidates = (named,) if named else (*NAMES, *_downloaded_by_playwright())
    return next(
        (found for name in candidates if (found := shutil.which(name)) and _starts(found)), None
    )


def install_chromium(*, is_root: bool) -> None:
    """Install Chromium: Debian's package if possible, otherwise Playwright's build.

    Installing the package requires root and apt-get. Prints which of the two is installed. A failed
    installation raises no error, because the caller searches for the browser again.
    """
    if is_root and shutil.which("apt-get"):
        _say("Installing Chromium, Debian's package, for the tests of the page ...")
        _run("apt-get", "update", "-qq")
        _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")
    else:
        _say("Downloading Playwright's Chromium for the tests of the page ...")
        _run("node", str(_PLAYWRIGHT / "cli.js"), "install", "chromium")


def _starts(program: str) -> bool:
    # An installed program may fail to start: Ubuntu's chromium-browser only prints an error if its
    # snap is missing.
    try:
        answer = subprocess.run(  # noqa: S603 - a browser from the list above, or the developer's
            [program, "--version"], capture_output=True, timeout=_ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def _downloaded_by_playwright() -> Iterator[str]:
    node = shutil.which("node")
    if node is not None and _PLAYWRIGHT.exists():
        answer = subprocess.run(  # noqa: S603 - Playwright's own answer
            [node, "-e", _PRINT_PLAYWRIGHTS, str(_PLAYWRIGHT)],
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS,
            check=False,
        )
        yield answer.stdout.strip()


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def _run(*command: str) -> None:
    if shutil.which(command[0]) is None:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)  # noqa: S603 - the commands above


if __name__ == "__main__":
    if find_chromium() is None:
        install_chromium(is_root=os.geteuid() == 0)
    sys.exit(None if find_chromium() else MISSING)
