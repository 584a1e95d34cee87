from pathlib import Path

import pytest

from app.cli.starter.gateway_starter import MODULE_FILE, new_gateway
from app.framework.cli.part_name import StarterError

ROOT = Path(__file__).parents[4]
MODULE = (ROOT / MODULE_FILE).read_text(encoding="utf-8")
GATEWAY = Path("app", "gateways", "poll_gateway.py")
DTO = Path("app", "gateways", "dto", "poll_dto.py")
TEST = Path("tests", "unit", "gateways", "test_poll_gateway.py")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout that has the project's folders and the chat's module."""
    for path in (MODULE_FILE, DTO, TEST):
        (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / MODULE_FILE).write_text(MODULE)
    return tmp_path


def files(root: Path) -> dict[Path, str]:
    """Return the content of every file by its path."""
    return {path.relative_to(root): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_gateway_dto_and_test_are_written_when_the_name_is_free(root: Path) -> None:
    """The chat's module gets two new lines, and other existing files stay unchanged."""
    written = new_gateway("poll", root, {})

    assert ("poll", {DTO, GATEWAY, TEST}, ()) == (
        written.event,
        set(written.created),
        written.missing,
    )
    assert {DTO, GATEWAY, TEST, MODULE_FILE} == files(root).keys()
    assert '@subscribe_message("poll")' in files(root)[GATEWAY]
    assert "    poll_gateway = providers.Singleton(PollGateway)\n" in files(root)[MODULE_FILE]


@pytest.mark.parametrize("occupied", [DTO, GATEWAY, TEST])
def test_nothing_is_written_when_a_file_is_there_already(root: Path, occupied: Path) -> None:
    """No file is overwritten or added."""
    (root / occupied).write_text("mine")
    before = files(root)

    with pytest.raises(StarterError, match=rf"{occupied} exists already; choose another name"):
        new_gateway("poll", root, {})

    assert before == files(root)


@pytest.mark.parametrize("missing", [DTO.parent, TEST.parent])
def test_nothing_is_written_when_a_folder_is_missing(root: Path, missing: Path) -> None:
    """An installed package, unlike a checkout, has no folder for tests."""
    (root / missing).rmdir()
    before = files(root)

    with pytest.raises(StarterError, match="nothing was changed"):
        new_gateway("poll", root, {})

    assert before == files(root)


def test_nothing_is_written_when_there_is_no_module(root: Path) -> None:
    """A folder without the chat's module is not a checkout."""
    (root / MODULE_FILE).unlink()

    with pytest.raises(StarterError, match="needs a checkout"):
        new_gateway("poll", root, {})

    assert {} == files(root)


def test_nothing_is_written_when_the_module_cannot_be_replaced(root: Path) -> None:
    """The module is written last; if that fails, the three new files are deleted again."""
    (root / MODULE_FILE).with_suffix(".new").mkdir()
    before = files(root)

    with pytest.raises(StarterError, match="nothing was changed"):
        new_gateway("poll", root, {})

    assert before == files(root)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("typing", "WsGateway.start_typing handles 'typing' already; choose another name."),
        ("disconnect", "Socket.IO reserves the name 'disconnect'; choose another."),
    ],
)
def test_nothing_is_written_when_the_event_is_taken(root: Path, name: str, sentence: str) -> None:
    """With two handlers for one event, the server would not start."""
    with pytest.raises(StarterError) as caught:
        new_gateway(name, root, {"typing": "WsGateway.start_typing"})

    assert sentence == str(caught.value)
    assert {MODULE_FILE} == files(root).keys()


def test_lines_to_add_are_given_when_the_module_is_not_as_it_was(root: Path) -> None:
    """The starter leaves a rewritten module unchanged, and lists the lines to add by hand."""
    (root / MODULE_FILE).write_text("class MyModule: ...\n")

    written = new_gateway("poll", root, {})

    assert (
        "from app.gateways.poll_gateway import PollGateway",
        "poll_gateway = providers.Singleton(PollGateway)",
    ) == written.missing
    assert "class MyModule: ...\n" == files(root)[MODULE_FILE]
    assert set(written.created) < files(root).keys()
