"""The Pulumi program: reads the site, plans it, renders it, and instantiates components; nothing else."""

import json

import pulumi
import pulumi_proxmoxve

from components.host import Host, Login
from components.router import Router
from components.sdn import Sdn
from components.tenancy import Cluster, Edge, Guest, Tenant
from trellis.plan import plan
from trellis.render import render
from trellis.render.documents import guest_document
from trellis.site import SiteRefused, load_site

config = pulumi.Config("trellis")
try:
    site = load_site(config.require_object("site"))
    planned = plan(site)
    bundles = render(planned)
except SiteRefused as refused:
    raise pulumi.RunError(str(refused)) from None

logins = {name: Login(host.ssh, config.require_secret("sshPrivateKey")) for name, host in site.hosts.items()}
before: list[pulumi.Resource] = []
for bundle in bundles:
    # The first host is the canary: no other one is touched before it has done what it was told.
    before.append(Host(bundle.host, bundle, logins[bundle.host], pulumi.ResourceOptions(depends_on=before[:1])).ready)
if planned.sdn is not None and site.proxmox is not None:
    proxmox = pulumi_proxmoxve.Provider(
        "proxmox", endpoint=site.proxmox.endpoint, api_token=config.require_secret("proxmoxApiToken")
    )
    sdn = Sdn("sdn", planned.sdn, pulumi.ResourceOptions(providers=[proxmox]), after=before)
    before = [*before, sdn.applied]
for bundle in bundles:
    router = Router(bundle.host, bundle, logins[bundle.host], pulumi.ResourceOptions(depends_on=before))
    if bundle is bundles[0]:
        before = [*before, router.committed]

for name in sorted(site.tenants):
    Tenant(name, planned)
for guest in planned.guests:
    Guest(guest.guest.name, planned)
for name in sorted(site.clusters):
    pulumi.export(f"cluster_{name}", Cluster(name, planned).document)
for edge in planned.edges:
    pulumi.export(f"edge_{edge.name}", Edge(edge.name, planned).document)
pulumi.export("guests", json.dumps({g.guest.name: guest_document(planned, g.guest.name) for g in planned.guests}))
