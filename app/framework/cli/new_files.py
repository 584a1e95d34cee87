"""Writes new files: all of them or none."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.framework.cli.part_name import StarterError


def write_new(root: Path, files: Mapping[Path, str]) -> None:
    """Write files below a folder, and create the folders that they need.

    Raises:
        StarterError: One of the files exists already, or cannot be written. The files that were
            written before the error are deleted.
    """
    with deleted_after_an_error(root) as written:
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            with (root / path).open("x", encoding="utf-8") as file:
                written.append(root / path)
                file.write(text)


@contextmanager
def deleted_after_an_error(root: Path, hint: str = "") -> Iterator[list[Path]]:
    """Yield an empty list, to which the caller adds the path of each new file.

    After an OSError, delete these files and raise a `StarterError`.

    Args:
        root: Error messages name paths relative to this folder.
        hint: A sentence to add to the error message if a path cannot be written or read.
    """
    written: list[Path] = []
    try:
        yield written
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        which = Path(error.filename or root)
        where = which.relative_to(root) if which.is_relative_to(root) else which
        if isinstance(error, FileExistsError):
            raise StarterError(f"{where} exists already; choose another name.") from None
        what = f"{where} cannot be written or read ({error.strerror}); nothing was changed."
        raise StarterError(f"{what} {hint}".rstrip()) from None
