import subprocess
import sys
from pathlib import Path

from tests.browser.chromium import MISSING
from tests.deadlines import PROCESS_SECONDS
from tests.e2e.server_process import CHECKOUT


def find(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What ``make test`` asks before it begins, on a machine with these programs."""
    return subprocess.run(
        [sys.executable, "-m", "tests.browser.chromium"],
        cwd=CHECKOUT,
        env={"PATH": str(path), **environment},
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        check=False,
    )


def test_mend_is_named_when_there_is_no_chromium(tmp_path: Path) -> None:
    """Tests of the page are not skipped without one."""
    found = find(tmp_path)

    assert (1, f"{MISSING}\n") == (found.returncode, found.stderr)


def test_chromium_is_found_when_it_has_another_name(tmp_path: Path) -> None:
    """A usual one, or the one that the environment says."""
    chrome = tmp_path / "google-chrome"
    chrome.touch(mode=0o755)

    by_name, by_setting = find(tmp_path), find(tmp_path / "none", CHROMIUM=str(chrome))

    assert 0 == by_name.returncode == by_setting.returncode
