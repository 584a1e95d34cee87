"""The text that ``python -m app run`` prints when the server is ready."""

import shlex

import typer

from app.cli.program import shell_name
from app.config.settings import Settings
from app.ports import Membership


def welcome(settings: Settings, url: str, seeded: Membership) -> None:
    """Print the URL and, with the development issuer, how to try the server."""
    typer.echo(f"\nChatGenius Realtime is listening on {url}")
    if not settings.uses_development_issuer:
        return
    typer.echo(f"\nThe page to try it: {url}/ (open it in two tabs, as two users)\n")
    if seeded:
        typer.echo("Demo users, and their channels:")
        for user_id, channels in seeded.items():
            typer.echo(f"  {user_id:<14}{', '.join(channels)}")
    else:
        typer.echo("The database already has users, so no demo users were added.")
    example = next(iter(seeded), "USER")
    typer.echo(
        f"\nA token for one of them, valid for 60 seconds:\n"
        f"  {_same_settings(settings)}{shell_name()} token {example}\n"
        f"  curl -s {url}/dev/token -H 'content-type: application/json' "
        f'-d \'{{"userId": "{example}"}}\'\n\n'
        "Ctrl-C stops the server.\n"
    )


def _same_settings(settings: Settings) -> str:
    """Return the environment variables for ``python -m app token`` in another terminal.

    With these variables, the command uses this server's data folder and port.
    """
    given = settings.model_fields_set & {"data_dir", "port"}
    return "".join(
        f"{name.upper()}={shlex.quote(str(getattr(settings, name)))} " for name in sorted(given)
    )
