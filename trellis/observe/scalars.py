"""What a text that is asked for must be: each function gives it back as the store has it, or says what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_network

_MOST_ASN = 2**32 - 1


def any_prefix(text: str) -> str:
    """Return an IPv4 or IPv6 prefix as FRR and the store write it.

    Raises:
        ValueError: If it is none.
    """
    if "/" not in text:
        raise ValueError("a prefix has a length, as in 2a01:db8::1/128")
    try:
        return str(ip_network(text))
    except ValueError as wrong:
        raise ValueError(f"{wrong}; a prefix is as 2a01:db8::1/128 or 10.0.0.0/24") from None


def asn_text(text: str) -> str:
    """Return an ASN as a decimal number.

    Raises:
        ValueError: If it is none.
    """
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _MOST_ASN):
        raise ValueError(f"an ASN is a number from 1 to {_MOST_ASN}")
    return str(int(text))


def utc_time(text: str) -> str:
    """Return a time with its zone, in UTC.

    Raises:
        ValueError: If it is none, or has no zone.
    """
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return time.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        pass
    raise ValueError("a time is in ISO 8601 with its zone, as 2026-01-31T12:00:00Z")
