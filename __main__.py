"""The Pulumi program: reads the site, plans it, renders it, and instantiates components; nothing else."""

import pulumi
import pulumi_proxmoxve

from components.host import Host, Login
from components.policy import policy_file
from components.prefixes import prefix_file
from components.protection import protect
from components.recorded import few_frames
from components.rollout import Rollout
from components.router import Router
from components.sdn import Sdn, judgement
from components.secrets import Secrets, given_secrets
from components.talos import bootstrapped
from components.tenancy import tenancy
from trellis.plan import plan
from trellis.policy import hold_to
from trellis.render import render
from trellis.site import SiteRefused, load_site, with_prefixes

config = pulumi.Config("trellis")
protect(config)
try:
    site = load_site(with_prefixes(config.require_object("site"), prefix_file()))
    planned = plan(site)
    hold_to(planned, policy_file())
    bundles = render(planned)
    values = given_secrets(config, bundles)
except SiteRefused as refused:
    raise pulumi.RunError(str(refused)) from None

with few_frames():
    rollout = Rollout(planned.rollout, pulumi.runtime.settings.SETTINGS.parallel)
    logins = {name: Login(host.ssh, config.require_secret("sshPrivateKey")) for name, host in site.hosts.items()}
    deployed = rollout.in_order(bundles)
    ready: dict[str, list[pulumi.Resource]] = {}
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
    done: dict[str, list[pulumi.Resource]] = {}
    for bundle in deployed:
        after = [*ready[bundle.host], *before, *rollout.before_commit(bundle.host, done)]
        done[bundle.host] = Router(bundle.host, bundle, logins[bundle.host], rollout, after).done
    for name, way_in in bootstrapped(planned, values, done).items():
        pulumi.export(name, way_in)
    for name, document in tenancy(planned, site.tenants, values):
        pulumi.export(name, document)
