"""The Pulumi program: reads the site, plans it, renders it, and instantiates components; nothing else."""

import json

import pulumi
import pulumi_proxmoxve

from components.host import Host, Login
from components.recorded import few_frames
from components.rollout import Rollout
from components.router import Router
from components.sdn import Sdn, judgement
from components.secrets import Secrets, given_secrets
from components.talos import bootstrapped
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
    values = given_secrets(config, bundles)
except SiteRefused as refused:
    raise pulumi.RunError(str(refused)) from None

with few_frames():
    rollout = Rollout(planned.rollout, pulumi.runtime.settings.SETTINGS.parallel)
    logins = {name: Login(host.ssh, config.require_secret("sshPrivateKey")) for name, host in site.hosts.items()}
    deployed = rollout.in_order(bundles)
    ready, done = {}, {}
    for bundle in deployed:
        login, after = logins[bundle.host], rollout.before(bundle.host, ready)
        own = ready[bundle.host] = [Host(bundle.host, bundle, login, after).ready]
        if bundle.secrets:
            own.append(Secrets(bundle.host, bundle, values, login, own[:]).stored)
    before = rollout.after_all(ready)
    if planned.sdn is not None and site.proxmox is not None:
        proxmox = pulumi_proxmoxve.Provider(
            "proxmox", endpoint=site.proxmox.endpoint, api_token=config.require_secret("proxmoxApiToken")
        )
        judge = judgement(site.proxmox.endpoint, config.require("proxmoxApiToken"), planned.sdn, deployed)
        options, hosts = pulumi.ResourceOptions(providers=[proxmox]), [one for own in ready.values() for one in own]
        before = [Sdn("sdn", planned.sdn, options, hosts, judge).applied]
    for bundle in deployed:
        after = [*ready[bundle.host], *before, *rollout.before_commit(bundle.host, done)]
        done[bundle.host] = Router(bundle.host, bundle, logins[bundle.host], rollout, after).done
    tenancy = [Tenant(name, planned) for name in sorted(site.tenants)]
    tenancy += [Guest(guest.guest.name, planned) for guest in planned.guests]
    for name, way_in in bootstrapped(planned, values, done).items():
        pulumi.export(name, way_in)
    for name in sorted(site.clusters):
        pulumi.export(f"cluster_{name}", Cluster(name, planned).document)
    for edge in planned.edges:
        pulumi.export(f"edge_{edge.name}", Edge(edge.name, planned).document)
    pulumi.export("guests", json.dumps({g.guest.name: guest_document(planned, g.guest.name) for g in planned.guests}))
