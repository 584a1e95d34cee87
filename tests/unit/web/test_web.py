"""Runs the JavaScript suites of the modules in app/web/."""

import subprocess
from pathlib import Path

import pytest

from tests.deadlines import PROCESS_SECONDS

SUITES = sorted(Path(__file__).parent.glob("*.test.mjs"))


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name.removesuffix(".test.mjs"))
def test_suite_passes_in_nodes_test_runner(suite: Path) -> None:
    finished = subprocess.run(  # noqa: S603 - our own files
        ["node", "--test", "--test-reporter=spec", suite],  # noqa: S607 - on the path, as for make
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        check=False,
    )

    assert 0 == finished.returncode, finished.stdout


def test_every_module_of_the_client_has_a_suite() -> None:
    """Views are tested in a browser, and the suites of other modules cover timing."""
    web = Path(__file__).parents[3] / "app" / "web"
    page = {"dom", "page", *(view.stem for view in web.glob("*_view.js"))}

    client = {file.stem for file in web.glob("*.js")} - page - {"timing"}

    assert client == {suite.name.removesuffix(".test.mjs") for suite in SUITES}
