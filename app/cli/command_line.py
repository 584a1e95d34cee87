"""``python -m app``: the server, and what goes with it."""

import asyncio
import json
import os
import shlex
import sys
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, TypeVar

import structlog
import typer

from app import __version__
from app.cli.commands import (
    examine,
    issue_token,
    migrate_database,
    revoke_sessions,
    seed_database,
)
from app.cli.reloader import run_reloading
from app.cli.starter.gateway_name import StarterError
from app.cli.starter.gateway_starter import MODULE_FILE, new_gateway
from app.config.settings import Settings
from app.config.settings_loader import SettingsError, load_settings, misspelt_settings
from app.domain.credential import Revocation, RevocationKind
from app.domain.errors import Unavailable
from app.domain.ids import UserId
from app.framework.common.exceptions import BootError
from app.framework.websockets.event_table import EventRow, event_rows
from app.main import StartError, bootstrap, create_application, seed_of
from app.observability.logging import configure_logging
from app.ports import Membership

T = TypeVar("T")

_log = structlog.stdlib.get_logger("Settings")


def is_script() -> bool:
    """Whether the installed command ``chatgenius-realtime`` was started, not ``python -m app``."""
    return Path(sys.argv[0]).name != "__main__.py"


# Shells complete the name of a command, which ``python -m app`` does not have.
cli = typer.Typer(no_args_is_help=True, add_completion=is_script(), pretty_exceptions_enable=False)

new = typer.Typer(help="Write a new part of the application.", no_args_is_help=True)
cli.add_typer(new, name="new")


def _print_version(*, value: bool) -> None:
    if value:
        typer.echo(f"ChatGenius Realtime {__version__}")
        raise typer.Exit


@cli.callback()
def main(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Run the ChatGenius server, and manage its database, tokens and sessions."""
    del version


@cli.command()
def run(
    *, reload: Annotated[bool, typer.Option(help="Start again when the source changes.")] = False
) -> None:
    """Start the server; Ctrl-C stops it."""
    if reload:
        # No load balancer is in front, and the reloader waits for five seconds only.
        os.environ.setdefault("DRAIN_SECONDS", "0")
        program = sys.argv[:1] if is_script() else [sys.executable, "-m", "app"]
        raise typer.Exit(run_reloading([*program, "run"], Path(__file__).parents[1]))
    with _one_sentence_errors():
        settings = _settings()
        _run(bootstrap(settings, partial(_welcome, settings)))


@cli.command()
def migrate() -> None:
    """Bring the database's tables up to date, and print what was done and what needs attention."""
    with _one_sentence_errors():
        migration = _run(migrate_database(_settings()))
    for applied in migration.applied:
        typer.echo(f"Applied migration {applied}.")
    if not migration.applied:
        typer.echo("The database is up to date; nothing was changed.")
    _list(migration.warnings)


@cli.command()
def doctor() -> None:
    """Compare the database with what is needed of it; what is missing is a line, and the code 1."""
    with _one_sentence_errors():
        examination = _run(examine(_settings()))
    _list(examination.differences + examination.warnings)
    if examination.differences:
        raise typer.Exit(1)
    line = "The database has all that is needed."
    if examination.waiting:
        line += (
            f" Messages of the original backend that a running server takes in: "
            f"{examination.waiting}."
        )
    typer.echo(line)


@cli.command()
def seed(file: Annotated[Path, typer.Argument(help='{"userId": ["channelId", ...], ...}')]) -> None:
    """Create the users, channels and memberships of a file that are not there yet."""
    with _one_sentence_errors():
        membership = _run(seed_database(_settings(), file))
    channels = set(chain.from_iterable(membership.values()))
    typer.echo(
        f"The database has what {file} names: users {len(membership)}, channels {len(channels)}. "
        "A running server takes them in within seconds."
    )


@cli.command()
def token(
    user: Annotated[str, typer.Argument(help="A user's id, such as user_alice.")],
    ttl: Annotated[int, typer.Option(min=1, help="Seconds until it expires.")] = 60,
) -> None:
    """Print a session token of the development issuer."""
    with _one_sentence_errors():
        settings = _settings()
        typer.echo(issue_token(settings, UserId(user), ttl))
        _hint_at_unknown(user, seed_of(settings))


@cli.command()
def revoke(
    token: Annotated[
        str | None, typer.Option(help="A session token; '-' reads it from stdin.")
    ] = None,
    session: Annotated[
        str | None, typer.Option(help="A sign-in's id: every token with this sid.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="A user's id: everything issued until now.")
    ] = None,
) -> None:
    """Sign out a token, a sign-in or a user: their sockets are closed, their tokens refused."""
    with _one_sentence_errors():
        kind, text = _one_of(token, session, user)
        revoked = _run(revoke_sessions(_settings(), kind, text))
    typer.echo(f"Revoked until {revoked.until:%Y-%m-%d %H:%M:%S} UTC: {_what(revoked.revocation)}.")


@cli.command()
def events(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False
) -> None:
    """Print the event table: event, handler, guards, payload, ack."""
    with _one_sentence_errors():
        rows = event_rows(create_application(_settings()).events())
    if as_json:
        typer.echo(json.dumps([row._asdict() for row in rows], indent=2))
        return
    table = [EventRow("EVENT", "HANDLER", "GUARDS", "PAYLOAD", "ACK"), *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


@new.command()
def gateway(
    name: Annotated[str, typer.Argument(help="Such as poll, or poll-votes.")],
) -> None:
    """Write a gateway, its DTO and its test, and register it."""
    with _one_sentence_errors():
        routes = create_application(_settings()).events()
        root = Path(__file__).parents[2]
        written = new_gateway(name, root, {route.pattern: route.handler_name for route in routes})
    for path in written.created:
        typer.echo(f"CREATE {path}")
    if written.missing:
        lines = "\n".join(f"  {line}" for line in written.missing)
        typer.echo(
            f"{MODULE_FILE} is not as it was; add these to the module of your choice:\n{lines}",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo(
        f"UPDATE {MODULE_FILE}\n\n"
        f'Clients send it: socket.emit("{written.event}", {{text: "hello"}}, console.log)\n'
        f"Its test: make test ARGS={written.created[-1]}"
    )


def _list(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        typer.echo(sentence)


def _one_of(token: str | None, session: str | None, user: str | None) -> tuple[RevocationKind, str]:
    """The one thing to revoke."""
    given = [
        (kind, text)
        for kind, text in (
            (RevocationKind.TOKEN, token),
            (RevocationKind.SESSION, session),
            (RevocationKind.USER, user),
        )
        if text is not None
    ]
    if len(given) != 1:
        raise StartError("Give one of --token, --session and --user; nothing was revoked.")
    ((kind, text),) = given
    is_dash = kind is RevocationKind.TOKEN and text == "-"
    return kind, sys.stdin.read() if is_dash else text


def _what(revocation: Revocation) -> str:
    """In words, without a token: what is printed may be kept in a job's log."""
    match revocation.kind:
        case RevocationKind.TOKEN:
            return f"the token whose SHA-256 begins with {revocation.subject[:8]}"
        case RevocationKind.SESSION:
            return f"every token of the session {revocation.subject}"
        case RevocationKind.USER:
            return f"everything issued to {revocation.subject} so far"


def _hint_at_unknown(user: str, seeded: Iterable[str]) -> None:
    """Most likely a slip: `alice` for `user_alice`. Others may be known to the database alone."""
    known = list(seeded)
    if user not in known:
        nearest = get_close_matches(user, known, n=1)
        question = f" (did you mean {nearest[0]}?)" if nearest else ""
        typer.echo(
            f"{user} is none of the seeded users{question}; "
            "who is in no channel can connect, but neither send nor hear anything.",
            err=True,
        )


def _settings() -> Settings:
    """The settings; from here on, logs are as they say. Warns of names that are misspelt."""
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    for sentence in misspelt_settings():
        _log.warning(sentence)
    return settings


@contextmanager
def _one_sentence_errors() -> Iterator[None]:
    """What a person can mend is told in a sentence, without a traceback."""
    try:
        yield
    except (SettingsError, BootError, StartError, StarterError, Unavailable, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's, where there is one: not on Windows."""
    try:
        import uvloop  # noqa: PLC0415 - see above
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=_new_event_loop) as runner:
        return runner.run(coroutine)


def _welcome(settings: Settings, url: str, seeded: Membership) -> None:
    """For people, on standard output; logs go to standard error."""
    typer.echo(f"\nChatGenius Realtime is listening on {url}")
    if not settings.uses_development_issuer:
        return
    typer.echo(f"\nThe page to try it: {url}/ (open it in two tabs, as two users)\n")
    if seeded:
        typer.echo("Demo users, and their channels:")
        for user_id, channels in seeded.items():
            typer.echo(f"  {user_id:<14}{', '.join(channels)}")
    else:
        typer.echo("The database has users of its own, so no demo users were added.")
    example = next(iter(seeded), "USER")
    typer.echo(
        f"\nA token for one of them, good for 60 seconds:\n"
        f"  {_same_settings(settings)}{_this_program()} token {example}\n"
        f"  curl -s {url}/dev/token -H 'content-type: application/json' "
        f'-d \'{{"userId": "{example}"}}\'\n\n'
        "Ctrl-C stops the server.\n"
    )


def _this_program() -> str:
    """Return how to start another command of this installation."""
    if is_script():
        return "chatgenius-realtime"
    is_own_checkout = Path(sys.prefix) == Path(__file__).parents[2] / ".venv"
    return ".venv/bin/python -m app" if is_own_checkout else f"{shlex.quote(sys.executable)} -m app"


def _same_settings(settings: Settings) -> str:
    """What another terminal has to set for its tokens to be this server's."""
    given = settings.model_fields_set & {"data_dir", "port"}
    return "".join(
        f"{name.upper()}={shlex.quote(str(getattr(settings, name)))} " for name in sorted(given)
    )
