"""Runs a real nginx with deploy/nginx.conf.template, on free ports of 127.0.0.1."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.certificates import self_signed_certificate
from tests.deadlines import PROCESS_SECONDS
from tests.deployment import nginx_template
from tests.free_port import free_port

SERVER_NAME = "localhost"
PATH_PREFIX = "/realtime"

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_LOGS = "/var/log/nginx"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
"""nginx creates a folder for each of these. The default parent exists only with its package."""
_LOOK_SECONDS = 0.02


def fill_template(values: Mapping[str, str]) -> str:
    """Return the shipped configuration with its variables replaced, as envsubst replaces them.

    Raises:
        KeyError: A variable of the template has no value.
    """
    return _VARIABLE.sub(lambda found: values[found[1]], nginx_template())


class NginxServer:
    """A running nginx, with a certificate of its own. Every method blocks.

    Only the folders of the shipped configuration are changed: for logs and for temporary files.

    Args:
        program: The path of nginx.
        folder: An empty folder.
        node_ports: The ports of the two nodes on 127.0.0.1.

    Attributes:
        certificate: The certificate as PEM, which clients must trust.
        access_log: The file of the access log.
    """

    def __init__(self, program: str, folder: Path, node_ports: Sequence[int]) -> None:
        self._http_port, self._https_port = free_port(), free_port()
        self.certificate, key = self_signed_certificate(SERVER_NAME)
        self.access_log = folder / "access.log"
        (folder / "key.pem").write_text(key)
        (folder / "certificate.pem").write_text(self.certificate)
        first, second = node_ports
        shipped = fill_template(
            {
                "HTTP_LISTEN": f"127.0.0.1:{self._http_port}",
                "HTTPS_LISTEN": f"127.0.0.1:{self._https_port}",
                "NODE_1": f"127.0.0.1:{first}",
                "NODE_2": f"127.0.0.1:{second}",
                "PATH_PREFIX": PATH_PREFIX,
                "SERVER_NAME": SERVER_NAME,
                "TLS_CERTIFICATE": str(folder / "certificate.pem"),
                "TLS_KEY": str(folder / "key.pem"),
            }
        )
        temporary = " ".join(f"{name}_temp_path {folder / name};" for name in _TEMPORARY)
        configuration = folder / "nginx.conf"
        configuration.write_text(
            shipped.replace(_LOGS, str(folder)).replace("http {", f"http {{ {temporary}", 1)
        )
        user = "user root;" if os.geteuid() == 0 else ""
        self._command = [
            *(program, "-p", str(folder), "-c", str(configuration)),
            *("-e", str(folder / "error.log")),
            *("-g", f"daemon off; pid {folder / 'nginx.pid'}; {user}"),
        ]
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)  # noqa: S603 - nginx
        self._wait_until_it_listens()

    @property
    def url(self) -> str:
        """The address of the HTTPS server, without the path prefix."""
        return f"https://{SERVER_NAME}:{self._https_port}"

    @property
    def http_url(self) -> str:
        return f"http://{SERVER_NAME}:{self._http_port}"

    def stop(self) -> None:
        self._process.terminate()
        _, errors = self._process.communicate(timeout=PROCESS_SECONDS)
        assert self._process.returncode == 0, errors

    def _wait_until_it_listens(self) -> None:
        give_up_at = time.monotonic() + PROCESS_SECONDS
        while time.monotonic() < give_up_at:
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._https_port)) == 0:
                    return
            time.sleep(_LOOK_SECONDS)
        self._process.kill()
        _, errors = self._process.communicate()
        raise AssertionError(f"nginx did not start: {errors}")
