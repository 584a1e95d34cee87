"""Where Chromium is: ``python -m tests.browser.chromium`` prints it, or says how to get it."""

import os
import shutil
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

MISSING = (
    "The tests of the page need Chromium. On Debian: apt-get install chromium. Elsewhere, name "
    "one: CHROMIUM=/path/to/chromium make test"
)


def find_chromium() -> str | None:
    """The environment's ``CHROMIUM``, else what is installed under a usual name."""
    named = os.environ.get("CHROMIUM")
    candidates = (named,) if named else NAMES
    return next((found for name in candidates if (found := shutil.which(name))), None)


if __name__ == "__main__":
    sys.exit(0 if find_chromium() else MISSING)
