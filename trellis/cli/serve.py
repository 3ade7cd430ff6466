"""``trellis observe serve``: the API, the page and the metrics, over a store that `trellis observe run` fills."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated

import typer

from trellis.cli.console import Mistake, say
from trellis.cli.stack import FileOption, StackOption, read_site, stack_file, stack_of
from trellis.cli.store import StoreOption, opened

if TYPE_CHECKING:
    import uvicorn
    from sqlalchemy import Engine

    from trellis.observe.webhook import Webhook
    from trellis.site import Site

LISTEN = "127.0.0.1:8179"
ListenOption = Annotated[
    str | None,
    typer.Option("--listen", metavar="ADDRESS:PORT", help="Where to serve API, page and /metrics, as 127.0.0.1:8179."),
]
TokenOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        help="A file (mode 0600) with the token that clients show; else TRELLIS_API_TOKEN. Needed beyond loopback.",
    ),
]

WebhookOption = Annotated[
    Path | None,
    typer.Option(
        "--webhook-token-file",
        help="A file (mode 0600) with the token of POST /webhooks/prefixes; without it there is no such path.",
    ),
]
RequestsOption = Annotated[
    Path | None,
    typer.Option("--request-file", help="Where the webhook leaves requests; else a file of this user and stack."),
]

_AT_ONCE = 200
"""Most connections at a time; a browser holds up to six, so this is thirty people, and bounds what strangers take."""
_GRACE_S = 2
"""Seconds that answers under way may take once the server is told to end."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A server with the socket that it will listen at."""

    server: uvicorn.Server
    bound: socket.socket

    def run(self) -> None:
        """Serve, until the server is told to end."""
        self.server.run(sockets=[self.bound])


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook that is to be served: the file of its token, and where its requests are left."""

    token_file: Path
    request_file: Path

    @classmethod
    def given(cls, token_file: Path | None, request_file: Path | None, stack_file: Path) -> Hook | None:
        """What the options say; None for no webhook.

        Raises:
            Mistake: There is a place for requests that nobody can make.
        """
        from trellis.observe.sync_request import default_file

        if token_file is not None:
            return cls(token_file, request_file or default_file(stack_of(stack_file) or stack_file.stem))
        if request_file is not None:
            raise Mistake("--request-file is where the webhook leaves requests; it needs --webhook-token-file")
        return None


def add_to(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command()(serve)


def serve(
    stack: StackOption = "dev",
    file: FileOption = None,
    store: StoreOption = None,
    listen: ListenOption = LISTEN,
    token_file: TokenOption = None,
    webhook_token_file: WebhookOption = None,
    request_file: RequestsOption = None,
) -> None:
    """Serve the API (/openapi.json), the page and /metrics over a store; hosts are not asked, nothing can be changed.

    Beyond loopback it needs a token, which clients show as `Authorization: Bearer TOKEN`, and speaks HTTP without TLS:
    put a proxy before it that does. With --webhook-token-file a router may request a sync of delegated prefixes by
    POST, which `trellis prefixes sync --if-requested` takes.

    Examples:

      trellis observe serve

      trellis observe serve --listen 10.10.0.5:8179 --token-file /etc/trellis/api-token

      trellis observe serve --webhook-token-file /etc/trellis/webhook-token --request-file /var/lib/trellis/prefixes
    """
    hook = Hook.given(webhook_token_file, request_file, stack_file(stack, file))
    site = read_site(stack, file)
    _must_be_there(store)
    engine = opened(store)
    try:
        ready(site, engine, listen or LISTEN, token_file, hook).run()
    finally:
        engine.dispose()


def ready(site: Site, engine: Engine, listen: str, token_file: Path | None, hook: Hook | None = None) -> Ready:
    """Return a server that already has its port.

    Args:
        site: The site, for the map.
        engine: The store.
        listen: Where to listen, as ADDRESS:PORT.
        token_file: A file with the token.
        hook: The webhook, if there is to be one.

    Raises:
        Mistake: If it may not or can't listen there.
    """
    import uvicorn

    from trellis.observe.api import create_app
    from trellis.observe.guard import Refused, must_have_token, read_token
    from trellis.observe.live_map import live_map
    from trellis.plan import plan

    host, port = _address(listen)
    try:
        token = read_token(token_file)
        must_have_token(host, token)
        webhook = _webhook(hook, site, token) if hook is not None else None
    except Refused as refused:
        raise Mistake(str(refused)) from None
    app = create_app(engine, live_map(site, plan(site)), token, webhook)
    bound = _bound(host, port)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        limit_concurrency=_AT_ONCE,
        timeout_graceful_shutdown=_GRACE_S,
    )
    shown = f"[{host}]" if ":" in host else host
    say(f"serving http://{shown}:{bound.getsockname()[1]}/{' to who shows the token' if token else ''}")
    return Ready(uvicorn.Server(config), bound)


def _webhook(hook: Hook, site: Site, token: str | None) -> Webhook:
    """The webhook, whose requests can be kept."""
    from trellis.observe.guard import read_webhook_token
    from trellis.observe.sync_request import SyncRequests
    from trellis.observe.webhook import Webhook

    own, folder = read_webhook_token(hook.token_file, token), hook.request_file.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Mistake(f"--request-file {hook.request_file}: {error.strerror}; nothing can be written there") from None
    return Webhook(own, SyncRequests(hook.request_file), frozenset(site.edges))


@contextmanager
def serving(ready: Ready | None) -> Iterator[None]:
    """Serve beside what the `with` block does; None serves nothing."""
    if ready is None:
        yield
        return
    thread = threading.Thread(target=ready.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ready.server.should_exit = True
        thread.join(_GRACE_S + 5)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not host or not (port.isascii() and port.isdecimal() and int(port) < 65536) or (":" in host) != ("[" in listen):
        raise Mistake(f"--listen {listen}: it is ADDRESS:PORT, as 127.0.0.1:8179 or [::1]:8179")
    return host, int(port)


def _bound(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((host, port), family=found[0], backlog=_AT_ONCE)
    except OSError as error:
        raise Mistake(f"can't listen at {host} port {port}: {error.strerror}", exit_code=1) from None


def _must_be_there(url: str | None) -> None:
    from trellis.observe.store import StoreProblem, default_url, is_there, shown

    place = url or default_url()
    try:
        if is_there(place):
            return
    except StoreProblem as problem:
        raise Mistake(str(problem), exit_code=1) from None
    raise Mistake(f"there is no store {shown(place)}; `trellis observe run` or `migrate` makes it", exit_code=1)
