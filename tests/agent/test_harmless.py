"""A manifest cannot make the deploy user root: what root's programs read as orders is taken word by word."""

from __future__ import annotations

import pytest

from tests.sites import EXAMPLES, bundles_of
from trellis.agent.harmless import orders

UNIT = "/etc/systemd/system/trellis-firewall.service"
DROP_IN = "/etc/systemd/system/frr.service.d/trellis.conf"
DAEMONS = "/etc/frr/daemons.conf"
SYSCTL = "/etc/sysctl.d/90-trellis.conf"
TABLE = "/etc/trellis/firewall.nft"


@pytest.mark.parametrize("name", EXAMPLES)
def test_everything_that_is_rendered_is_harmless(name: str) -> None:
    for bundle in bundles_of(name)[:3]:
        for file in bundle.files:
            assert orders(file.path, tuple(file.text.splitlines())) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (UNIT, "ExecStart=/bin/sh -c id"),
        (UNIT, "ExecStartPre=/usr/sbin/nft -f /etc/trellis/firewall.nft"),
        (UNIT, "ExecStart=/usr/sbin/nft -f /etc/trellis/firewall.nft; /bin/sh"),
        (UNIT, "Environment=LD_PRELOAD=/tmp/x.so"),
        (UNIT, "Description=continued \\"),
        (UNIT, "OnFailure=debug-shell.service"),
        (DROP_IN, "ExecStartPost=/tmp/x"),
        (DAEMONS, "bgpd=yes; id"),
        (DAEMONS, "$(id)"),
        (DAEMONS, 'bgpd_options="-M /tmp/x.so"'),
        (DAEMONS, 'bgpd_options="$(id)"'),
        (DAEMONS, 'bgpd_wrap="/tmp/x"'),
        (DAEMONS, "PATH=/tmp"),
        (SYSCTL, "kernel.core_pattern = |/tmp/x"),
        (SYSCTL, "kernel.modprobe = /tmp/x"),
        (SYSCTL, "net.ipv4.ip_forward = 1; x"),
        (TABLE, 'include "/etc/shadow"'),
        (TABLE, 'table inet trellis { include "/etc/shadow"; }'),
    ],
)
def test_an_order_that_no_deploy_needs_is_named_with_its_line(path: str, line: str) -> None:
    (problem,) = orders(path, ("# a comment", line))
    assert problem.startswith(f"{path} line 2: ")


def test_what_frr_and_radvd_read_is_their_own_business() -> None:
    assert orders("/etc/frr/frr.conf", ("hostname $(id)",)) == []
    assert orders("/etc/radvd.conf", ("interface vnet101 {", "};")) == []
