"""``trellis observe serve``: the API, the page and the metrics, over a store that `trellis observe run` fills."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trellis.cli.console import Mistake, say
from trellis.cli.stack import FileOption, StackOption, read_site
from trellis.cli.store import StoreOption, opened

if TYPE_CHECKING:
    import uvicorn
    from sqlalchemy import Engine

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


def add_to(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command()(serve)


def serve(
    stack: StackOption = "dev",
    file: FileOption = None,
    store: StoreOption = None,
    listen: ListenOption = LISTEN,
    token_file: TokenOption = None,
) -> None:
    """Serve the API (/openapi.json), the page and /metrics over a store; hosts are not asked, nothing can be changed.

    Beyond loopback it needs a token, which clients show as `Authorization: Bearer TOKEN`, and speaks HTTP without TLS:
    put a proxy before it that does.

    Examples:

      trellis observe serve

      trellis observe serve --listen 10.10.0.5:8179 --token-file /etc/trellis/api-token
    """
    site = read_site(stack, file)
    _must_be_there(store)
    engine = opened(store)
    try:
        ready(site, engine, listen or LISTEN, token_file).run()
    finally:
        engine.dispose()


def ready(site: Site, engine: Engine, listen: str, token_file: Path | None) -> Ready:
    """Return a server that already has its port.

    Args:
        site: The site, for the map.
        engine: The store.
        listen: Where to listen, as ADDRESS:PORT.
        token_file: A file with the token.

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
    except Refused as refused:
        raise Mistake(str(refused)) from None
    app = create_app(engine, live_map(site, plan(site)), token)
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
