"""Who may ask: a token beyond loopback, the server's own name on it, and what browsers are told to refuse.

The webhook has a token of its own, which opens that alone; no other one opens it, nor the lack of one on loopback.

Without a token the server is for this machine alone.  A page elsewhere could still make a browser here ask it, by a
name that it points to 127.0.0.1 (DNS rebinding); so such a server answers to loopback's own names only.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trellis.observe.problems import problem

if TYPE_CHECKING:
    from trellis.observe.webhook import Webhook

TOKEN_VARIABLE = "TRELLIS_API_TOKEN"  # noqa: S105 (the name, not the token)
FEWEST_LETTERS = 20
"""Shortest token, in letters: with 16 kinds of letters 80 bits, which nobody guesses over a network."""

PAGE = ("page.html", "icon.svg", "map.css", "map.js", "page.css", "page.js", "server.js", "table.js", "words.js")
"""The page's files; they hold nothing of the site and ask for the token themselves, so they are given without one."""
WEBHOOK = "/webhooks/prefixes"
_OPEN = frozenset(("/", "/healthz", *(f"/{name}" for name in PAGE[1:])))


class Refused(ValueError):
    """The server can't be started so."""


def is_loopback(host: str) -> bool:
    """Return whether an address or name is this machine's loopback."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(file: Path | None) -> str | None:
    """Return the token that clients must show; None if there is none.

    Args:
        file: A file that holds it, readable by its owner alone; else the environment's `TOKEN_VARIABLE` is taken.

    Raises:
        Refused: If the file can't be read or others can read it, or the token is too short.
    """
    if file is not None:
        return _usable(_of_file(file), str(file))
    token = os.environ.get(TOKEN_VARIABLE)
    return _usable(token, TOKEN_VARIABLE) if token is not None else None


def read_webhook_token(file: Path, token: str | None) -> str:
    """Return the token that whoever calls the webhook must show.

    Args:
        file: A file that holds it, readable by its owner alone.
        token: The token for reading, which it must not be.

    Raises:
        Refused: If the file can't be read or others can read it, or the token is too short or the one for reading.
    """
    own = _usable(_of_file(file), str(file))
    if own == token:
        raise Refused(f"{file}: this is the token for reading, which a router needs no right to; make another one")
    return own


def _usable(token: str, where: str) -> str:
    token = token.strip()
    if len(token) < FEWEST_LETTERS or not token.isascii() or not token.isprintable() or " " in token:
        raise Refused(
            f"{where}: a token is {FEWEST_LETTERS} or more ASCII letters without spaces, "
            "so that it can't be guessed; `openssl rand -hex 32` makes one"
        )
    return token


def _of_file(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            found = os.fstat(opened.fileno())
            if stat.S_IMODE(found.st_mode) & 0o077:
                mode = f"{stat.S_IMODE(found.st_mode):04o}"
                raise Refused(f"{file}: its mode is {mode}, so others may read the token; chmod 0600 {file}")
            return opened.read(4096)
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}") from None


def must_have_token(host: str, token: str | None) -> None:
    """Refuse to listen beyond loopback without a token.

    Args:
        host: The address to listen at.
        token: The token, if there is one.

    Raises:
        Refused: If there is none and there must be one.
    """
    if token is None and not is_loopback(host):
        raise Refused(
            f"--listen {host}: beyond loopback everyone would see every tenant's sessions; "
            f"set {TOKEN_VARIABLE}, or name a file that holds a token with --token-file"
        )


def headers_of(style_hashes: tuple[str, ...]) -> dict[str, str]:
    """Return the headers of every answer.

    Args:
        style_hashes: SHA-256 of each style sheet that stands within a picture, in base64.
    """
    styles = "".join(f" 'sha256-{found}'" for found in style_hashes)
    policy = (
        "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        f"style-src 'self'{styles}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-cache, private",
    }


class Guard:
    """ASGI middleware: refuses whoever may not ask, and puts the headers on every answer."""

    def __init__(
        self, app: ASGIApp, token: str | None, headers: dict[str, str], webhook: Webhook | None = None
    ) -> None:
        self._app = app
        self._digest = _digest(token) if token is not None else None
        self._headers = headers
        self._webhook = webhook
        self._webhooks = _digest(webhook.token) if webhook is not None else b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    found[name] = value
            await send(message)

        await (self._refusal(scope) or self._app)(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        if self._webhook is not None and scope["path"] == WEBHOOK:
            if _shows(self._webhooks, headers):
                return None
            self._webhook.count("refused")
            return _unknown()
        if self._digest is None:
            if is_loopback(_name_of(headers.get("host", ""))):
                return None
            return problem(421, "without a token it answers to localhost, 127.0.0.1 and [::1] only")
        return None if scope["path"] in _OPEN or _shows(self._digest, headers) else _unknown()


def _unknown() -> ASGIApp:
    headers = {"WWW-Authenticate": 'Bearer realm="trellis"'}
    return problem(401, "send it as `Authorization: Bearer TOKEN`", headers=headers)


def _digest(token: str) -> bytes:
    """Return what a token is compared by: of one length, so that comparing tells nothing of the token's."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _shows(digest: bytes, headers: Headers) -> bool:
    scheme, _, shown = headers.get("authorization", "").partition(" ")
    return hmac.compare_digest(_digest(shown.strip()), digest) and scheme.lower() == "bearer"


def _name_of(host: str) -> str:
    """Return the name or address of a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
