from pathlib import Path

import pytest

from app.config.settings import Settings


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide this machine's variables and a developer's `.env` from the tests."""
    for name in [*Settings.model_fields, "clerk_issuer_url"]:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
