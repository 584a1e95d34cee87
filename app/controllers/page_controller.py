"""Serves the demo page in `app/web`, and ``socket.io-client`` at Socket.IO's usual URL."""

import shlex
from pathlib import Path
from typing import Annotated

from aiohttp import hdrs, web

from app.framework import Param, controller, get

_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".map": "application/json",
    ".svg": "image/svg+xml",
}

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

_HEADERS = {
    hdrs.CACHE_CONTROL: "no-cache",  # the browser revalidates files on each use
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@controller()
class PageController:
    """The controller is registered only with the development issuer, not in production."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @get("/")
    async def page(self) -> web.StreamResponse:
        """Answer with the page."""
        return _file(self._folder / "index.html")

    @get(r"/web/{name:[a-z_]+\.(?:css|js|svg)}")
    async def asset(self, name: Annotated[str, Param("name")]) -> web.StreamResponse:
        """Answer with a style sheet, script or image of the page."""
        return _file(self._folder / name)

    @get(r"/socket.io/{name:socket\.io(?:\.esm)?(?:\.min)?\.js(?:\.map)?}")
    async def client(self, name: Annotated[str, Param("name")]) -> web.StreamResponse:
        """Answer with ``socket.io-client``, or 404 with the command that installs it."""
        dist = self._folder / "node_modules" / "socket.io-client" / "dist"
        if not dist.exists():
            raise web.HTTPNotFound(text=f"npm ci --prefix {_from_here(self._folder)}")
        return _file(dist / name)


def _from_here(folder: Path) -> str:
    """Return the folder's path, quoted for a shell.

    The path is relative if the folder is in the working directory, as in a checkout.
    """
    here = Path.cwd()
    return shlex.quote(str(folder.relative_to(here) if folder.is_relative_to(here) else folder))


def _file(path: Path) -> web.FileResponse:
    # Set the content type, because the type that aiohttp guesses depends on the machine.
    return web.FileResponse(
        path, headers={**_HEADERS, hdrs.CONTENT_TYPE: _CONTENT_TYPES[path.suffix]}
    )
