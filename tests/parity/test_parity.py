"""Tests that the gateways of ``gateways.py`` and of NestJS, ``gateways.ts``, behave the same.

One JavaScript client runs each script of ``scripts.mjs`` on both servers. The transcripts must be
equal, except for the differences that ``docs/migrating.md`` describes.
"""

import json
import re
from collections.abc import AsyncIterator
from difflib import SequenceMatcher
from pathlib import Path

import pytest
import pytest_asyncio

from tests.parity.differences import DIFFERENCES, EXCEPTION_CODES
from tests.parity.gateways import create_application
from tests.parity.peer import Line, NestPeer, compile_into

_FOLDER = Path(__file__).parent
_GUIDE = " ".join((_FOLDER.parents[1] / "docs" / "migrating.md").read_text("utf-8").split())
SCRIPTS: list[str] = re.findall(
    r'^  async "(.+)"\(connect\)', (_FOLDER / "scripts.mjs").read_text("utf-8"), re.MULTILINE
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nest(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NestPeer]:
    folder = tmp_path_factory.mktemp("nest")
    compile_into(folder)
    nest = NestPeer(folder)
    await nest.start()
    yield nest
    await nest.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url() -> AsyncIterator[str]:
    """The URL of the gateways in Python."""
    app = create_application()
    yield await app.listen(0)
    await app.close()


@pytest.mark.parametrize("script", SCRIPTS)
async def test_clients_see_the_same_as_with_nest(nest: NestPeer, url: str, script: str) -> None:
    theirs, ours = await nest.run(script, nest.url, url)

    assert "failed" not in [event for _, event, *_ in (*theirs, *ours)], (theirs, ours)
    expected = [(each.nest, each.here) for each in DIFFERENCES.get(script, ())]
    assert expected == _differences(theirs, [_without_code(line) for line in ours])


async def test_every_script_is_run(nest: NestPeer) -> None:
    assert nest.scripts == SCRIPTS
    assert DIFFERENCES.keys() <= set(SCRIPTS)


async def test_gateways_have_the_same_events_in_the_same_order() -> None:
    found = [
        re.findall(pattern, (_FOLDER / file).read_text("utf-8"), re.MULTILINE)
        for file, pattern in (
            ("gateways.ts", r"^class (\w+Gateway)|SubscribeMessage\(['E](.+?)'?\)"),
            ("gateways.py", r"^class (\w+Gateway)|subscribe_message\([\"E](.+?)\"?\)"),
        )
    ]

    assert found[0] == found[1]


@pytest.mark.parametrize(
    "sentence",
    [EXCEPTION_CODES, *(each.sentence for several in DIFFERENCES.values() for each in several)],
)
async def test_every_difference_is_documented(sentence: str) -> None:
    assert sentence in _GUIDE


def _without_code(line: Line) -> Line:
    """Remove the ``code`` of an ``exception``, which Nest does not have: see `EXCEPTION_CODES`."""
    name, event, *args = line
    if event == "exception" and args[0].get("status") == "error":
        assert args[0].pop("code")
        args[0].pop("temporary", None)
    return [name, event, *args]


def _differences(theirs: list[Line], ours: list[Line]) -> list[tuple[list[Line], list[Line]]]:
    texts = [[json.dumps(line) for line in lines] for lines in (theirs, ours)]
    codes = SequenceMatcher(None, texts[0], texts[1], autojunk=False).get_opcodes()
    return [(theirs[a:b], ours[c:d]) for tag, a, b, c, d in codes if tag != "equal"]
