from pathlib import Path

import pytest

from app.framework.cli.new_files import write_new
from app.framework.cli.part_name import StarterError


def test_files_are_written_with_their_folders(tmp_path: Path) -> None:
    write_new(tmp_path, {Path("a.py"): "1", Path("b", "c.py"): "2"})

    assert ("1", "2") == ((tmp_path / "a.py").read_text(), (tmp_path / "b" / "c.py").read_text())


def test_no_file_is_written_when_one_exists(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("mine")

    with pytest.raises(StarterError, match=r"^b\.py exists already; choose another name\.$"):
        write_new(tmp_path, {Path("a.py"): "1", Path("b.py"): "2"})

    assert [tmp_path / "b.py"] == list(tmp_path.iterdir())
    assert "mine" == (tmp_path / "b.py").read_text()


def test_no_file_is_written_when_one_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(StarterError, match=r"nothing was changed\.$"):
        write_new(tmp_path, {Path("a.py"): "1", Path("b" * 300): "2"})

    assert [] == list(tmp_path.iterdir())
