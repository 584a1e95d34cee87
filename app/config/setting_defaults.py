"""Defaults that depend on other settings.

pydantic calls each function with the validated settings that are declared above the function's
setting.
"""

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from app.config.setting_types import ORIGINS_WITHOUT_PARTY


def database_url(settings: dict[str, Path]) -> str:
    """Return the URL of an SQLite file in ``DATA_DIR``."""
    return f"sqlite:///{quote(str(settings['data_dir'] / 'chat.db'))}"


def local_origins(settings: dict[str, int]) -> tuple[str, ...]:
    """Return local origins with port 3000, which the frontend uses, and with ``PORT``."""
    ports = dict.fromkeys((3000, settings["port"]))
    return tuple(f"http://{host}:{port}" for port in ports for host in ("localhost", "127.0.0.1"))


def authorized_parties(settings: dict[str, Any]) -> tuple[str, ...]:
    """Return the ``CORS_ORIGINS`` for which tokens have an ``azp``; if none, local origins."""
    origins: tuple[str, ...] = settings["cors_origins"]
    parties = tuple(each for each in origins if each not in ORIGINS_WITHOUT_PARTY)
    return parties or local_origins(settings)


def redis_url(settings: dict[str, str | int | None]) -> str | None:
    """Return a URL with the host, port and password in the original backend's settings.

    Return None if both host and password are missing.
    """
    host, port, password = (settings[f"redis_{part}"] for part in ("host", "port", "password"))
    if host is None and password is None:
        return None
    user = "" if password is None else f":{quote(str(password), safe='')}@"
    address = f"[{host}]" if ":" in str(host) else host or "localhost"
    return f"redis://{user}{address}:{port}"


def max_packets_per_second(settings: dict[str, float]) -> int:
    """Return ten times the limits for events, but at least 1,000 and `least_packets_per_second`."""
    events = settings["rate_limit_events_per_second"] + settings["rate_limit_burst"]
    return max(1_000, 10 * ceil(events), least_packets_per_second(settings))


def least_packets_per_second(settings: Mapping[str, float]) -> int:
    """Return the packet rate of a client that uses up its limits for events and receipts."""
    limits = ("events_per_second", "burst", "receipts_per_second", "receipts_burst")
    return ceil(sum(settings[f"rate_limit_{name}"] for name in limits))


def log_format(settings: dict[str, str]) -> Literal["console", "json"]:
    """Return ``json`` in production and ``console`` in development."""
    return "json" if settings["app_env"] == "production" else "console"
