"""TLS with one certificate alone, known by its fingerprint, and an end to how long a connection may take.

A router signs its own certificate, so no authority is asked: whoever shows another one, a valid one even, is not the
router.  It is looked at before anything is sent, and there is no way to switch that off.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
import time


class Pin:
    """What a connection must meet.

    Args:
        fingerprint: The certificate's SHA-256, in 64 of 0-9 and a-f.
        ends: When the connection is over, by the monotonic clock: a router that sends one byte at a time, each in
            time, would hold it for ever.

    Attributes:
        shown: The fingerprint of the certificate that was shown, once one was.
    """

    def __init__(self, fingerprint: str, ends: float) -> None:
        self.fingerprint = fingerprint
        self.ends = ends
        self.shown: str | None = None

    @property
    def met(self) -> bool:
        """Whether the certificate that was shown is the pinned one."""
        return self.shown is not None and hmac.compare_digest(self.shown, self.fingerprint)

    def left_s(self) -> float:
        """Seconds that are left; a socket takes zero for "do not wait", so it is never less than a millisecond."""
        return max(self.ends - time.monotonic(), 0.001)

    def context(self) -> ssl.SSLContext:
        """Return a TLS context whose connections meet it, or break off before they have sent anything."""
        pin = self

        class Pinned(ssl.SSLSocket):
            def do_handshake(self, block: bool = False) -> None:
                super().do_handshake(block)
                pin.shown = hashlib.sha256(self.getpeercert(binary_form=True) or b"").hexdigest()
                if not pin.met:
                    raise ssl.SSLCertVerificationError("another certificate than the pinned one")

            def settimeout(self, value: float | None, /) -> None:
                super().settimeout(pin.left_s() if value is None else min(value, pin.left_s()))

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RouterOS before 7.16 has no newer one
        context.check_hostname = False  # the fingerprint is stricter than any name
        context.verify_mode = ssl.CERT_NONE
        context.sslsocket_class = Pinned
        return context
