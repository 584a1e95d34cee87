from pathlib import Path

import pytest

from bench.path import default_settings


def test_path_uses_the_defaults_when_the_environment_has_other_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The environment and ``.env`` do not change the printed paths."""
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("DATABASE_URL=memory:\nRATE_LIMIT_BURST=1\n")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("CLERK_ISSUER_URL", "https://clerk.example")

    settings = default_settings(tmp_path / "data")

    assert f"sqlite:///{tmp_path}/data/chat.db" == settings.database_url
    assert (None, None) == (settings.redis_url, settings.clerk_issuer)
    assert 60 == settings.rate_limit_burst
