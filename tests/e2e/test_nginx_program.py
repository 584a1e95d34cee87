"""Tests tests/nginx_program.py with a PATH that contains only scripts of the test."""

import sys
from pathlib import Path

import pytest

from tests.e2e.server_process import CHECKOUT
from tests.nginx_program import MISSING, find_nginx, unpack_nginx
from tests.run_program import run_program


def write_script(file: Path, script: str) -> Path:
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(("exit_code", "is_found"), [(0, True), (1, False)])
def test_named_program_is_used_when_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exit_code: int, *, is_found: bool
) -> None:
    program = write_script(tmp_path / "my-nginx", f"exit {exit_code}")
    monkeypatch.setenv("NGINX", str(program))

    assert (str(program) if is_found else None) == find_nginx()


@pytest.mark.parametrize("is_root", [True, False])
def test_debians_package_is_unpacked_but_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_root: bool
) -> None:
    """Only root can update the lists of packages."""
    log = tmp_path / "log"
    download = '[ "$1" != download ] || echo content > nginx_1.24_amd64.deb'
    write_script(tmp_path / "apt-get", f'echo "apt-get $*" >> {log}; {download}')
    write_script(tmp_path / "dpkg", f'echo "dpkg $1 $(basename $2) $3" >> {log}')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    unpack_nginx(tmp_path / "target", is_root=is_root)

    update = ["apt-get update -qq"] if is_root else []
    unpacked = f"dpkg -x nginx_1.24_amd64.deb {tmp_path / 'target'}"
    assert [*update, "apt-get download -qq nginx", unpacked] == log.read_text().splitlines()


def test_error_names_the_remedy_when_nothing_can_be_downloaded(tmp_path: Path) -> None:
    """Without nginx, the tests of its configuration fail instead of being skipped."""
    command = [sys.executable, "-m", "tests.nginx_program"]

    done = run_program(command, CHECKOUT, {"PATH": str(tmp_path), "NGINX": "missing"})

    assert (1, "", f"{MISSING}\n") == (done.returncode, done.stdout, done.stderr)
