"""The command line, ``python -m app``: reads arguments, calls `app.cli.commands` and prints."""

import os
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from app import __version__
from app.cli.commands import examine, issue_token, migrate_database, revoke_sessions, seed_database
from app.cli.execution import errors_as_sentences, run_async, settings_and_logging
from app.cli.program import arguments_of_this_program, is_script
from app.cli.reloader import run_reloading
from app.cli.starter.gateway_starter import MODULE_FILE, new_gateway
from app.cli.welcome import welcome
from app.cli.workers import run_worker, run_workers
from app.config.settings import MAX_WORKERS
from app.domain.credential import Revocation, RevocationKind
from app.domain.ids import UserId
from app.framework.websockets.event_table import event_lines, event_rows, events_as_json
from app.main import StartError, bootstrap, create_application, seed_of, start_errors

# Offer completion only for ``chatgenius-realtime``: shells cannot complete ``python -m app``.
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
    *,
    reload: Annotated[bool, typer.Option(help="Restart when the source changes.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=MAX_WORKERS, help="Server processes; replaces WEB_CONCURRENCY."),
    ] = None,
) -> None:
    """Start the server; Ctrl-C stops it."""
    if reload:
        if workers not in {None, 1}:
            raise typer.BadParameter("--reload runs one process; leave out --workers")
        # Do not drain: there is no load balancer, and the reloader waits at most five seconds.
        os.environ.setdefault("DRAIN_SECONDS", "0")
        command = [*arguments_of_this_program(), "run", "--workers", "1"]
        raise typer.Exit(run_reloading(command, Path(__file__).parents[1]))
    if workers is not None:
        os.environ["WEB_CONCURRENCY"] = str(workers)  # The workers read it, too
    with errors_as_sentences():
        settings = settings_and_logging()
        if settings.web_concurrency > 1:
            raise typer.Exit(run_workers(settings))
        run_async(bootstrap(settings, partial(welcome, settings)))


@cli.command(hidden=True)
def worker(
    number: Annotated[int, typer.Argument(help="The worker's number in the logs.")],
    link: Annotated[int, typer.Option(help="Descriptor of the supervisor's connection.")],
    log_lock: Annotated[int, typer.Option(help="Descriptor of the lock for log lines.")],
    listen: Annotated[list[int], typer.Option(help="Descriptor of a bound socket.")],
) -> None:
    """Run one of several workers. Only `run` calls this."""
    with errors_as_sentences():
        run_worker(number, link, log_lock, listen)


@cli.command()
def migrate() -> None:
    """Update the tables of the database; print the migrations and the warnings."""
    with errors_as_sentences():
        migration = run_async(migrate_database(settings_and_logging()))
    for applied in migration.applied:
        typer.echo(f"Applied migration {applied}.")
    for sentence in migration.changes:
        typer.echo(sentence)
    if not migration.applied and not migration.changes:
        typer.echo("The database is up to date; nothing was changed.")
    _list(migration.warnings)


@cli.command()
def doctor() -> None:
    """Compare the database with what the server needs; exit with 1 if something is missing."""
    with errors_as_sentences():
        examination = run_async(examine(settings_and_logging()))
    _list(examination.differences + examination.warnings)
    if examination.differences:
        raise typer.Exit(1)
    line = "The database has all that is needed."
    if examination.waiting:
        line += (
            f" Messages of the original backend that a running server will adopt: "
            f"{examination.waiting}."
        )
    typer.echo(line)


@cli.command()
def seed(file: Annotated[Path, typer.Argument(help='{"userId": ["channelId", ...], ...}')]) -> None:
    """Create the users, channels and memberships of a file, except those that already exist."""
    with errors_as_sentences():
        membership = run_async(seed_database(settings_and_logging(), file))
    channels = set(chain.from_iterable(membership.values()))
    typer.echo(
        f"The database contains all of {file}: users {len(membership)}, channels {len(channels)}. "
        "A running server applies the change within seconds."
    )


@cli.command()
def token(
    user: Annotated[str, typer.Argument(help="The user's id, such as user_alice.")],
    ttl: Annotated[int, typer.Option(min=1, help="Seconds until the token expires.")] = 60,
) -> None:
    """Print a session token of the development issuer."""
    with errors_as_sentences():
        settings = settings_and_logging()
        typer.echo(issue_token(settings, UserId(user), ttl))
        _hint_at_unknown(user, seed_of(settings))


@cli.command()
def revoke(
    token: Annotated[
        str | None, typer.Option(help="A session token; '-' reads it from stdin.")
    ] = None,
    session: Annotated[
        str | None, typer.Option(help="A session's id: revokes every token with this sid.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="A user's id: revokes every token issued until now.")
    ] = None,
) -> None:
    """Revoke a token, a session or a user: disconnect the sockets and reject the tokens."""
    with errors_as_sentences():
        kind, text = _one_of(token, session, user)
        revoked = run_async(revoke_sessions(settings_and_logging(), kind, text))
    typer.echo(f"Revoked until {revoked.until:%Y-%m-%d %H:%M:%S} UTC: {_what(revoked.revocation)}.")


@cli.command()
def events(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False
) -> None:
    """Print the event table: event, handler, guards, payload, ack."""
    with errors_as_sentences(), start_errors():
        rows = event_rows(create_application(settings_and_logging()).events())
    if as_json:
        typer.echo(events_as_json(rows))
    else:
        _list(event_lines(rows))


@new.command()
def gateway(
    name: Annotated[str, typer.Argument(help="The gateway's name, such as poll or poll-votes.")],
) -> None:
    """Write a gateway, its DTO and its test, and register it."""
    with errors_as_sentences(), start_errors():
        routes = create_application(settings_and_logging()).events()
        root = Path(__file__).parents[2]
        written = new_gateway(name, root, {route.pattern: route.handler_name for route in routes})
    for path in written.created:
        typer.echo(f"CREATE {path}")
    if written.missing:
        lines = "\n".join(f"  {line}" for line in written.missing)
        typer.echo(
            f"{MODULE_FILE} was rewritten, so add these lines to a module yourself:\n{lines}",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo(
        f"UPDATE {MODULE_FILE}\n\n"
        f'Clients send: socket.emit("{written.event}", {{text: "hello"}}, console.log)\n'
        f"Its test: make test ARGS={written.created[-1]}"
    )


def _list(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        typer.echo(sentence)


def _one_of(token: str | None, session: str | None, user: str | None) -> tuple[RevocationKind, str]:
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
    """Describe the revocation without the token, because the output may be logged."""
    match revocation.kind:
        case RevocationKind.TOKEN:
            return f"the token whose SHA-256 begins with {revocation.subject[:8]}"
        case RevocationKind.SESSION:
            return f"every token of the session {revocation.subject}"
        case RevocationKind.USER:
            return f"every token issued to {revocation.subject} so far"


def _hint_at_unknown(user: str, seeded: Iterable[str]) -> None:
    """Warn if the user is not seeded.

    The id may be misspelt, or the user may exist only in the database.
    """
    known = list(seeded)
    if user not in known:
        nearest = get_close_matches(user, known, n=1)
        question = f" (did you mean {nearest[0]}?)" if nearest else ""
        typer.echo(
            f"{user} is not one of the seeded users{question}; "
            "a user without channels can connect, but cannot send or receive messages.",
            err=True,
        )
