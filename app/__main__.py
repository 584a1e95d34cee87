"""``python -m app``: as `app.cli.command_line`, where this Python can run it."""

import sys


def main() -> None:
    """Run the command line, or say in a sentence what this Python lacks."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs an older one is told so
        sys.exit("Python 3.11 or newer is needed.")
    try:
        from app.cli.command_line import cli, is_script  # noqa: PLC0415 - its imports are what may be missing
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "app":
            raise
        sys.exit(
            f"{error.name} is not installed for this Python; in a checkout run `make install`, "
            "then .venv/bin/python -m app; elsewhere install the package again."
        )
    cli(prog_name=None if is_script() else "python -m app")


if __name__ == "__main__":
    main()
