"""What the reader of RouterOS scripts refuses, as the router would, and what it reads."""

from __future__ import annotations

import pytest

from tests.firewall.routeros import Router
from tests.firewall.rsc import Refused, read
from trellis.render.routeros import quoted


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("/routing bgp connexion add name=x", "no menu or command"),
        ("/routing bgp connection add address-families=ip", "has no address-families"),
        ("/routing bgp connection add afi=ipv4", "afi is one of"),
        ("/routing bgp template add multihop=true", "multihop is one of"),
        ("/routing ospf interface-template add type=p2p", "type is one of"),
        ("/ipv6 firewall nat add to-addresses=::1", "has no to-addresses"),
        ("/ip address remove [find where interfaces=lo]", "has no interfaces"),
        ("/ip address remove [find where !dynamik]", "has no dynamik"),
        ('/ip address add comment="x', "end of a string"),
        ('/ip address add comment="x\n"', "end of a string"),
        ('/ip address add comment="x"y', "before its line"),
        ("/ip address add interface=lo interface=lo", "set twice"),
        ("{\n/ip address add interface=lo\n", "'}' is missing"),
        (":if (1 = 1) do=x", "'{' is missing"),
        (":let x 1", "no :let"),
        ("/ip address add interface=lo\r", "printed ASCII"),
        ('/ip address add comment="ä"', "printed ASCII"),
    ],
)
def test_what_routeros_would_not_take_is_refused(line: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        read(line)


def test_a_text_in_quotes_is_read_back_whatever_it_holds() -> None:
    text = 'a "b" $c \\d\n  # {e} [f];\n'
    made = Router()
    list(made.run(f"/system script add name=x source={quoted(text)}"))
    assert made.table("system/script")[0]["source"] == text.replace("\n  #", "\n#")
