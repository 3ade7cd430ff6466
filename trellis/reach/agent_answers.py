"""An answer of a host's agent, read strictly: of the known form and whole, or refused with what is missing.

Deliberately elsewhere: what is read out of it (`why.seen` of a route, `assertions.seen` of everything that is live).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

SCHEMA_VERSION = 1

_Read = TypeVar("_Read")


class BadAnswer(ValueError):
    """An answer that is none; the message says what is missing."""


def strictly(host: str, answer: Mapping[str, Any], read: Callable[[str, Mapping[str, Any]], _Read]) -> _Read:
    """Return what is read out of a host's answer.

    Args:
        host: The host that was asked.
        answer: Its answer.
        read: Reads an answer of this form.

    Raises:
        BadAnswer: It is none.
    """
    try:
        if answer["schema_version"] != SCHEMA_VERSION:
            raise BadAnswer(f"it has schema_version {answer['schema_version']}: `trellis install {host}` anew")
        return read(host, answer)
    except (KeyError, TypeError, AttributeError) as error:
        raise BadAnswer(f"its agent's answer lacks what is known: {error}") from None
