"""Finds nginx for the tests of the configuration in deploy/, or unpacks Debian's package.

``make test`` runs this module as ``python -m tests.nginx_program``.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MISSING = (
    "The tests of deploy/nginx.conf.template need nginx 1.20 or newer, and Debian's package "
    "could not be downloaded. Install nginx, or name one: NGINX=/path/to/nginx make test"
)

_UNPACKED = Path(sys.prefix) / "nginx"
_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/opt/homebrew/bin")
"""Folders that may be missing in the PATH of a user."""
_ANSWER_SECONDS = 60


def find_nginx() -> str | None:
    """Return the program in the environment variable NGINX, or the first nginx that starts."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *_FOLDERS))
    named = os.environ.get("NGINX")
    candidates = (named,) if named else ("nginx", str(_UNPACKED / "usr/sbin/nginx"))
    found = (shutil.which(name, path=path) for name in candidates)
    return next((program for program in found if program and _starts(program)), None)


def unpack_nginx(target: Path, *, is_root: bool) -> None:
    """Unpack Debian's package into a folder. It is not installed, so no service is started.

    A failure raises no error, because the caller searches for the program again.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return
    sys.stdout.write("Downloading nginx, Debian's package, for the tests of deploy/ ...\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if is_root:
            _run(folder, "apt-get", "update", "-qq")
        _run(folder, "apt-get", "download", "-qq", "nginx")
        for package in folder.glob("nginx_*.deb"):
            _run(folder, "dpkg", "-x", str(package), str(target))


def _starts(program: str) -> bool:
    try:
        answer = subprocess.run(  # noqa: S603 - nginx, or the program that the developer names
            [program, "-v"], capture_output=True, timeout=_ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def _run(folder: Path, *command: str) -> None:
    subprocess.run(  # noqa: S603 - the commands above
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


if __name__ == "__main__":
    if find_nginx() is None:
        unpack_nginx(_UNPACKED, is_root=os.geteuid() == 0)
    sys.exit(None if find_nginx() else MISSING)
