"""Runs the JavaScript suites of the modules in app/web/."""

from pathlib import Path

import pytest

from tests.run_program import run_program

SUITES = sorted(Path(__file__).parent.glob("*.test.mjs"))


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name.removesuffix(".test.mjs"))
def test_suite_passes_in_nodes_test_runner(suite: Path) -> None:
    command = ["node", "--test", "--test-reporter=spec", str(suite)]
    finished = run_program(command, suite.parent)

    assert 0 == finished.returncode, finished.stdout


def test_every_module_of_the_client_has_a_suite() -> None:
    """Views are tested in a browser, and `timing` through the suites of other modules."""
    web = Path(__file__).parents[3] / "app" / "web"
    page = {"dom", "page", *(view.stem for view in web.glob("*_view.js"))}

    client = {file.stem for file in web.glob("*.js")} - page - {"timing"}

    assert client == {suite.name.removesuffix(".test.mjs") for suite in SUITES}
