"""``python -m app``: checks that this Python can run the server, then runs the command line."""

import sys


def main() -> None:
    """Run the command line, or exit with a sentence that says what is missing."""
    if sys.version_info < (3, 11):  # noqa: UP036 - for users of an older Python
        sys.exit("Python 3.11 or newer is needed.")
    try:
        from app.cli.command_line import cli  # noqa: PLC0415 - a dependency may be missing
        from app.cli.program import is_script  # noqa: PLC0415 - after the version check
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
