"""/etc/network/interfaces as text, read and rewritten for one interface."""

from __future__ import annotations

import pytest

from trellis.agent.interfaces import described, with_stanza

STANZA = ("auto dummy_underlay", "iface dummy_underlay inet static", "    address 10.255.0.1/32")


@pytest.mark.parametrize("text", ["", "\n", "# nothing here yet\n"])
def test_a_host_whose_file_has_no_stanza_at_all_gets_one(text: str) -> None:
    assert described(text, "dummy_underlay") is None
    written = with_stanza(text, "dummy_underlay", STANZA)
    assert written.endswith("\n".join(STANZA) + "\n")
    assert described(written, "dummy_underlay") is not None
