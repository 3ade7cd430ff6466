"""Asks a RouterOS edge over its REST API: a few questions, read-only, and an end to each wait.

What the answers mean is ``trellis.routeros.delegations``' and ``trellis.routeros.routes``'.  MikroTik's own description
of the API: https://help.mikrotik.com/docs/spaces/ROS/pages/47579162/REST+API (a list of objects, all of whose values
are text; ``.proplist`` names those that are wanted).
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from trellis.routeros.pinned import Pin
from trellis.routeros.problem import RouterosProblem
from trellis.site.foreign import HIDDEN
from trellis.site.refusal import Refusal

POOLS, CLIENTS = "/rest/ipv6/pool", "/rest/ipv6/dhcp-client"

_MOST_BYTES = 4_000_000
"""Of an answer; a router with 10,000 pools has 1.5 MB, one with 20,000 routes 4."""
_MOST_OF_A_MESSAGE = 200

_KEPT = "the prefix file stays as it is: a guess would take the addresses of every guest"


@dataclass(frozen=True, slots=True)
class Router:
    """An edge that answers over REST.

    Attributes:
        edge: Its name in the site.
        endpoint: ``https://HOST:PORT``.
        certificate: SHA-256 of its certificate, in 64 of 0-9 and a-f.
        user: A user there that may only read.
        password: Its password: a secret, shown nowhere.
    """

    edge: str
    endpoint: str
    certificate: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited.

    Attributes:
        attempt_s: Seconds for one attempt, all questions and the handshake in it.
        attempts: Attempts in all, where the reason may pass.
        pause_s: Seconds before the second; each later pause is twice the one before.
    """

    attempt_s: float = 10.0
    attempts: int = 3
    pause_s: float = 1.0

    def pauses(self) -> Iterator[float]:
        """Yield the pause before each attempt."""
        yield 0.0
        for number in range(self.attempts - 1):
            yield self.pause_s * 2**number

    def longest_s(self) -> float:
        """Seconds after which it has ended, one way or another (name lookups aside)."""
        return self.attempts * self.attempt_s + sum(self.pauses())


@dataclass(frozen=True, slots=True)
class Answers:
    """What a router said, both answers from one connection.

    Attributes:
        pools: ``/ipv6/pool``.
        clients: ``/ipv6/dhcp-client``.
    """

    pools: tuple[dict[str, str], ...]
    clients: tuple[dict[str, str], ...]


Objects = tuple[dict[str, str], ...]
"""An answer."""


def ask(router: Router, patience: Patience) -> Answers:
    """Ask what was delegated, once; see `answers` for the arguments and what is raised."""
    pools, clients = answers(router, patience, (POOLS, CLIENTS))
    return Answers(pools, clients)


def answers(router: Router, patience: Patience, paths: Iterable[str]) -> tuple[Objects, ...]:
    """Ask questions, one after the other over one connection, once.

    Args:
        router: Whom.
        patience: How long is waited; attempts are the caller's.
        paths: The questions.

    Raises:
        RouterosProblem: It can't be reached, is another router, refuses, or says what is no answer.
    """
    pin = Pin(router.certificate, time.monotonic() + patience.attempt_s)
    client = httpx.Client(
        base_url=router.endpoint,
        verify=pin.context(),
        auth=httpx.BasicAuth(router.user, router.password),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "trellis"},
        timeout=patience.attempt_s,
        follow_redirects=False,  # the password is for this router
        trust_env=False,  # no proxy, and no ~/.netrc
    )
    with client:
        return tuple(_asked(router, client, pin, path) for path in paths)


def _asked(router: Router, client: httpx.Client, pin: Pin, path: str) -> tuple[dict[str, str], ...]:
    try:
        with client.stream("GET", path) as answer:
            body = _body(router, path, answer)
    except httpx.TimeoutException:
        raise _silent(router, path) from None
    except httpx.RemoteProtocolError as error:
        raise _cut_off(router, path, str(error)) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        if pin.shown is not None and not pin.met:
            raise _impostor(router, pin.shown) from None
        raise _unreachable(router, str(error)) from None
    if answer.status_code != httpx.codes.OK:
        raise _refused(router, path, answer, _message(body))
    return _objects(router, path, body)


def _body(router: Router, path: str, answer: httpx.Response) -> bytes:
    body = b""
    for chunk in answer.iter_raw():
        body += chunk
        if len(body) > _MOST_BYTES:
            rule = f"an answer has at most {_MOST_BYTES} bytes"
            remedy = f"look at what answers at {router.endpoint}; with --no-routes `check` does without its routes"
            raise _problem(router, f"GET {path}", f"more than {_MOST_BYTES} bytes", rule, remedy)
    return body


def _objects(router: Router, path: str, body: bytes) -> tuple[dict[str, str], ...]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _cut_off(router, path, f"{len(body)} bytes, {error}") from None
    if isinstance(found, list) and all(isinstance(one, dict) for one in found):
        return tuple({str(key): _text(value) for key, value in one.items()} for one in found)
    rule = "the answer is a list of objects, as RouterOS's REST API gives it"
    said = _shown(router, body.decode(errors="replace"))
    remedy = f"look at what answers at {router.endpoint}{path}: RouterOS 7 with the service www-ssl does"
    raise _problem(router, f"GET {path}", said, rule, remedy)


def _text(value: Any) -> str:
    """RouterOS gives all values as text; where a release does not, they are compared as if it had."""
    return value if isinstance(value, str) else json.dumps(value)


def _message(body: bytes) -> str:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return (
        ": ".join(str(found[key]) for key in ("message", "detail") if key in found) if isinstance(found, dict) else ""
    )


def _shown(router: Router, text: str) -> str:
    """What a router said, without the password, should it repeat what it was sent."""
    sent = base64.b64encode(f"{router.user}:{router.password}".encode()).decode()
    for secret in (sent, router.password):
        text = text.replace(secret, HIDDEN) if secret else text
    return text if len(text) <= _MOST_OF_A_MESSAGE else text[: _MOST_OF_A_MESSAGE - 3] + "..."


def _problem(
    router: Router, path: str, value: str, rule: str, remedy: str, *, why: str = _KEPT, passing: bool = False
) -> RouterosProblem:
    return RouterosProblem(router.edge, [Refusal(path, value, rule, why, remedy)], passing=passing)


def _of_site(router: Router, key: str) -> str:
    return f"edges.{router.edge}.rest_api.{key}"


def _unreachable(router: Router, said: str) -> RouterosProblem:
    rule = "the edge is reached over TLS at this address"
    remedy = "see that the router is up, and `/ip/service/print` there that www-ssl is enabled, and for whom"
    value = f"{router.endpoint} ({said})"
    return _problem(router, _of_site(router, "endpoint"), value, rule, remedy, passing=True)


def _silent(router: Router, path: str) -> RouterosProblem:
    rule = "an edge answers in time, all questions and the handshake together"
    remedy = "see what the router is busy with: `/tool/profile`; or give it longer: --wait"
    return _problem(router, f"GET {path}", f"no whole answer from {router.endpoint}", rule, remedy, passing=True)


def _impostor(router: Router, shown: str) -> RouterosProblem:
    rule = f"the edge shows the certificate that is pinned, {router.certificate}"
    why = "who shows another one may be anybody on the path; nothing was sent to it, the password least of all"
    remedy = (
        "if the router was given a new certificate, take its fingerprint at the router itself "
        "(`/certificate/print detail`), and write it here"
    )
    return _problem(router, _of_site(router, "certificate"), shown, rule, remedy, why=why)


def _cut_off(router: Router, path: str, said: str) -> RouterosProblem:
    rule = "an answer is whole, and JSON"
    remedy = 'ask again; if it stays so, read the router\'s log: `/log/print where topics~"error"`'
    return _problem(router, f"GET {path}", said, rule, remedy, passing=True)


def _refused(router: Router, path: str, answer: httpx.Response, message: str) -> RouterosProblem:
    """What a status other than 200 means; a fault of the router's own (5xx) may pass."""
    said = _shown(router, f"{answer.status_code} {message or answer.reason_phrase}".strip())
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        rule = "the edge lets this user in, with the password that was given"
        why = "a second attempt with the same password is a guess to the router, which shuts guessers out"
        remedy = (
            f"at the router: `/user/print where name={router.user}`, which needs a group with the policies read, api "
            "and rest-api; give its password by --password-file or TRELLIS_ROUTEROS_PASSWORD"
        )
        return _problem(router, _of_site(router, "user"), f"{router.user}: {said}", rule, remedy, why=why)
    if answer.has_redirect_location:
        rule, remedy = "the edge answers itself", f"correct the endpoint: {router.endpoint} is not the router's own"
        return _problem(router, f"GET {path}", f"{said}, to another place", rule, remedy)
    rule = "the edge answers with status 200"
    remedy = "RouterOS 7 has this path, for a user whose group has the policies read, api and rest-api"
    passing = answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
    return _problem(router, f"GET {path}", said, rule, remedy, passing=passing)
