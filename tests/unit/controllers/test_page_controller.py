from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.controllers.page_controller import PageController
from app.framework.core.http.router import routes_of

Client = TestClient[web.Request, web.Application]

JAVASCRIPT = "text/javascript; charset=utf-8"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a complete page, and with files that must not be served."""
    dist = tmp_path / "node_modules" / "socket.io-client" / "dist"
    dist.mkdir(parents=True)
    for name in ("index.html", "page.js", "style.css", "logo.svg", "package.json"):
        (tmp_path / name).write_text(name)
    for name in ("socket.io.js", "socket.io.js.map", "socket.io.esm.min.js"):
        (dist / name).write_text(name)
    return tmp_path


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[Client]:
    app = web.Application()
    app.router.add_routes(routes_of(PageController(folder)))
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "content_type", "text"),
    [
        ("/", "text/html; charset=utf-8", "index.html"),
        ("/web/page.js", JAVASCRIPT, "page.js"),
        ("/web/style.css", "text/css; charset=utf-8", "style.css"),
        ("/web/logo.svg", "image/svg+xml", "logo.svg"),
        ("/socket.io/socket.io.js", JAVASCRIPT, "socket.io.js"),
        ("/socket.io/socket.io.esm.min.js", JAVASCRIPT, "socket.io.esm.min.js"),
        ("/socket.io/socket.io.js.map", "application/json", "socket.io.js.map"),
    ],
)
async def test_file_comes_with_its_type_when_it_is_asked_for(
    client: Client, path: str, content_type: str, text: str
) -> None:
    """The content type does not depend on the operating system's table of types."""
    response = await client.get(path)

    assert (200, text) == (response.status, await response.text())
    assert content_type == response.headers["Content-Type"]


@pytest.mark.parametrize(
    "path",
    [
        "/web/missing.js",
        "/web/package.json",
        "/web/../page_controller.py",
        "/web/%2e%2e/secret.js",
        "/web/node_modules/socket.io-client/dist/socket.io.js",
        "/socket.io/socket.io.min.js",
        "/socket.io/package.json",
        "/socket.io/..%2fpackage.json",
    ],
)
async def test_nothing_is_found_when_it_is_not_the_pages(client: Client, path: str) -> None:
    """Only the files of the page are served, although the folder has other files."""
    response = await client.get(path)

    assert 404 == response.status


@pytest.mark.parametrize("path", ["/", "/web/page.js"])
async def test_page_runs_nothing_but_its_own_files(client: Client, path: str) -> None:
    """The page forbids inline scripts, other hosts, HTML from strings, and frames."""
    response = await client.get(path)

    policy = dict(
        directive.partition(" ")[::2]
        for directive in response.headers["Content-Security-Policy"].split("; ")
    )
    assert "'none'" == policy["default-src"] == policy["frame-ancestors"] == policy["trusted-types"]
    assert "'self'" == policy["script-src"] == policy["style-src"] == policy["connect-src"]
    assert "nosniff" == response.headers["X-Content-Type-Options"]


async def test_file_is_asked_for_again_when_the_browser_has_it(
    client: Client, folder: Path
) -> None:
    """The browser must ask on each reload, and gets only changed files again."""
    first = await client.get("/web/page.js")
    again = await client.get("/web/page.js", headers={"If-None-Match": first.headers["ETag"]})
    (folder / "page.js").write_text("edited")
    edited = await client.get("/web/page.js", headers={"If-None-Match": first.headers["ETag"]})

    assert "no-cache" == first.headers["Cache-Control"]
    assert (304, 200) == (again.status, edited.status)
    assert "edited" == await edited.text()


@pytest.mark.parametrize(
    ("in_checkout", "folder_in_command"), [(True, "app/web"), (False, "'{root}/app/web'")]
)
async def test_missing_client_is_answered_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder_in_command: str, *, in_checkout: bool
) -> None:
    """The command contains the folder of the installed package."""
    root, elsewhere = tmp_path / "a folder", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(root if in_checkout else elsewhere)
    app = web.Application()
    app.router.add_routes(routes_of(PageController(root / "app" / "web")))

    async with TestClient(TestServer(app)) as client:
        response = await client.get("/socket.io/socket.io.js")

        expected = f"npm ci --prefix {folder_in_command.format(root=root)}"
        assert (404, expected) == (response.status, await response.text())
