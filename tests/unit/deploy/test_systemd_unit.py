"""Tests that deploy/chatgenius-realtime.service agrees with the code and deploy/example.env."""

from app.adapters.system.file_descriptors import FEW
from app.adapters.system.stop_request import RESTART_SIGNAL
from app.config.settings import Settings
from tests.deployment import cli_commands, example_environment, systemd_unit


def value(name: str) -> str:
    (found,) = [each.value for each in systemd_unit() if each.name == name]
    return found


def test_unit_has_the_sections_of_a_service() -> None:
    assert ["Unit", "Service", "Install"] == list(
        dict.fromkeys(each.section for each in systemd_unit())
    )


def test_command_is_one_of_the_application() -> None:
    python, *rest = value("ExecStart").removeprefix(f"{value('WorkingDirectory')}/").split()

    assert ".venv/bin/python" == python
    assert ["-m", "app"] == rest[:2]
    assert rest[2] in cli_commands()


def test_every_variable_is_a_setting_or_read_by_python() -> None:
    variables = dict(each.split("=", 1) for each in value("Environment").split())
    settings = {name.upper() for name in Settings.model_fields}

    assert set(variables) - settings == {"PYTHONDONTWRITEBYTECODE"}
    assert f"/var/lib/{value('StateDirectory')}" == variables["DATA_DIR"]


def test_server_has_time_to_drain_and_gets_one_signal() -> None:
    """A second SIGTERM would end the server at once, so only the main process gets the signal."""
    drain_seconds = float(example_environment()["DRAIN_SECONDS"] or "")

    assert ("SIGTERM", "mixed") == (value("KillSignal"), value("KillMode"))
    assert float(value("TimeoutStopSec")) >= 2 * drain_seconds
    assert drain_seconds == Settings.model_fields["drain_seconds"].default


def test_reload_replaces_the_workers() -> None:
    assert f"/bin/kill -{RESTART_SIGNAL.name.removeprefix('SIG')} $MAINPID" == value("ExecReload")


def test_server_restarts_after_a_failure_with_enough_file_descriptors() -> None:
    assert "on-failure" == value("Restart")
    assert int(value("LimitNOFILE")) >= max(FEW, Settings.model_fields["max_sockets"].default)
