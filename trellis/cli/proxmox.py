"""Proxmox's API for commands: its token, and which VMs there are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from trellis.cli.console import Mistake

if TYPE_CHECKING:
    from trellis.observe.virtual_machines import Machines
    from trellis.pve_api.client import Api
    from trellis.site import Site

TOKEN_VARIABLE = "PROXMOX_VE_API_TOKEN"  # noqa: S105 - the variable's name, which the Proxmox provider reads, too


def api_of(site: Site, privileges: str = "VM.Audit") -> Api:
    """The Proxmox of a site, asked with the token of the environment.

    Args:
        site: The site.
        privileges: What the token needs on /vms, for whoever has none.

    Raises:
        Mistake: The site has no Proxmox, or there is no token.
    """
    from trellis.pve_api.client import Api

    if site.proxmox is None:
        raise Mistake("the site has no `proxmox`: there is nobody to ask for VMs")
    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        raise Mistake(
            f"{TOKEN_VARIABLE} holds no token to ask Proxmox with\n"
            f"  remedy: export {TOKEN_VARIABLE}='USER@REALM!NAME=SECRET', a token with {privileges} on /vms"
        )
    return Api(site.proxmox.endpoint, token)


def machines_of(site: Site) -> Machines:
    """What the Proxmox of a site says of all VMs, those among them that are the site's guests.

    Raises:
        Mistake: The site has no Proxmox, there is no token, or it does not answer.
    """
    from trellis.observe.virtual_machines import VirtualMachines
    from trellis.pve_api.client import ApiProblem
    from trellis.site import attached_guests

    api = api_of(site)
    assert site.proxmox is not None
    expected = [guest.vmid for guest in attached_guests(site) if guest.vmid is not None]
    try:
        return VirtualMachines(api).read(expected)
    except ApiProblem as problem:
        raise Mistake(
            f"{site.proxmox.endpoint} does not say which VMs there are: {problem}\n"
            "  remedy: see that the API answers, and that the token may read VMs (VM.Audit on /vms); SSL_CERT_FILE\n"
            "          names the cluster's authority, /etc/pve/pve-root-ca.pem there",
            exit_code=1,
        ) from None
