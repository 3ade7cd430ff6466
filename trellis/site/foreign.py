"""Keys that people bring from FRR, Proxmox and other tools, and what Trellis does instead of them.

A key that is no key of the site is refused whatever it is; for these the answer says more than "unknown".  Nothing
here is a rule of its own: the keys that exist are the model's (``trellis.site.model``).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """Why a key is not in the site, and where to say what was meant."""

    rule: str
    why: str
    remedy: str


UNKNOWN = Answer(
    "every key is one that the schema knows",
    "a misspelt key would be ignored, and its default used instead",
    "correct or remove the key; `trellis schema` lists all",
)

_SECRET = Answer(
    "no secret stands in the site, not even an empty one",
    "a stack file is committed and shown in previews",
    "remove it; `pulumi config set --secret` keeps secrets",
)
_SESSION_KEY = Answer(
    "a session's key stands in the site by its name alone: `md5` of an edge, of the fabric or of guest_bgp",
    "a stack file is committed and shown in previews; and FRR refuses a password of more than 80 characters only as "
    "it is applied, when the old session is down",
    "write `md5: NAME` there, and `pulumi config set --secret --path 'trellis:secrets.NAME'` with the value",
)

_ASKING = Answer(
    "the password of an edge's user stands in no file of the site; it is given when the edge is asked",
    "a stack file is committed and shown in previews, and the program asks no router",
    "remove it, and give the user a new one: `trellis prefixes` takes --password-file or TRELLIS_ROUTEROS_PASSWORD",
)

_BY_KEY: tuple[tuple[str, Answer], ...] = (
    (
        "router_id ospf_router_id bgp_router_id",
        Answer(
            "router ids follow from loopbacks: a host's is fabric.loopbacks.ipv4 + id, a guest's its IPv4 loopback",
            "FRR takes 0.0.0.0, a multicast address and another router's id with status 0; sessions and LSAs then fail",
            "remove it; change the host's `id`, the guest's `suffix` or the pool",
        ),
    ),
    (
        "asn local_as local_asn as_number autonomous_system",
        Answer(
            "the fabric has one ASN, fabric.asn, on every host and in every VRF; only edges and guests have their own",
            "FRR keeps the first ASN of the default VRF and refuses a second one as it is applied",
            "remove it; set fabric.asn, edges.*.asn, or a guest's asn",
        ),
    ),
    (
        "remote_as remote_asn peer_as peer_asn neighbor neighbors neighbour neighbours peer peers activate "
        "address_family address_families afi bgp_neighbors",
        Answer(
            "sessions follow from hosts, edges and guests, each with its ASN; no neighbour is written by hand",
            "a neighbour that is activated without remote-as fails only as it is applied",
            "remove it; declare the other end as an edge or a guest",
        ),
    ),
    (
        "rd rds route_distinguisher route_distinguishers",
        Answer(
            "route distinguishers are FRR's automatic ones, <router id>:<number>, for each VRF and VNet of a host",
            "FRR takes a malformed one, or 4-byte-ASN:70000, with status 0 and a wrong result; one twice hides routes",
            "remove it; `trellis plan --json` shows those that will be used",
        ),
    ),
    (
        "rt rts route_target route_targets rt_import rt_export import_rt export_rt rt_imports rt_exports "
        "import_targets export_targets import_vrf imports vrf_import leak_to",
        Answer(
            "route targets are FRR's automatic ones; two zones share routes only where a leak says so",
            "FRR takes 4-byte-ASN:70000 with status 0 and a wrong result; a shared one joins two VRFs without a word",
            "remove it; to let two zones reach each other, declare `leaks: {name: {between: [zone, zone]}}`",
        ),
    ),
    (
        "prefix_list prefix_lists prefix_list_in prefix_list_out route_map route_maps route_map_in route_map_out "
        "import_policy export_policy policy_in policy_out filter filters filter_in filter_out distribute_list",
        Answer(
            "filters follow from what the site declares; each session has one in and one out, by names of our own",
            "FRR takes a list or route-map that does not exist with status 0: the session then passes nothing, or all",
            "remove it; declare what may pass: edges.*.accepts, guests.*.announces, loopbacks, pods, services",
        ),
    ),
    (
        "ebgp_requires_policy requires_policy policy allow_all permit_all",
        Answer(
            "every eBGP session has a filter in and a filter out, and FRR is told to require them (RFC 8212)",
            "a session without one passes everything: `frr defaults datacenter` does not require any",
            "remove it; declare what may pass: edges.*.accepts, guests.*.announces, loopbacks, pods, services",
        ),
    ),
    (
        "seq sequence seq_number sequence_number",
        Answer(
            "entries of filters are numbered from what they are for, and never by hand",
            "FRR refuses 0 and more than 65535 in a route-map, and of two with one number in a list keeps the later",
            "remove it; what an entry is for decides its place",
        ),
    ),
    (
        "ge le min_length max_length minimum_length maximum_length",
        Answer(
            "lengths are those of guest_bgp.prefix_lengths; loopbacks and services are host routes, pods one length",
            "FRR takes a ge below the prefix's length and a le below ge with status 0, and drops other entries",
            "remove it; set guest_bgp.prefix_lengths or pods.*.node_length, or list the prefixes themselves",
        ),
    ),
    (
        "community communities large_community large_communities set_community standard_communities",
        Answer(
            "communities follow from a route's class (R11); only their first half is chosen: fabric.mark_asn",
            "a half above 65535 is refused only as it is applied, and a guest could give itself another class",
            "remove it; set fabric.mark_asn to 64512-65534 where 65000 is taken",
        ),
    ),
    (
        "peer_group peer_groups group template session_template",
        Answer(
            "peer-groups are made for each VNet and resilience, and every session is a member of one that exists",
            "FRR refuses a neighbour of an undefined group only as it is applied",
            "remove it; `resilience` chooses between the two kinds of session",
        ),
    ),
    (
        "listen_range listen_ranges listen dynamic_neighbors dynamic_peers listen_limit max_sessions max_neighbors",
        Answer(
            "hosts listen to declared guests, and to the subnets of open VNets alone (R8); both follow from the site",
            "a listen range takes any address with any ASN; ranges that overlap, have no peer-group or too low a limit "
            "take the wrong sessions or refuse good ones",
            "remove it; declare each guest under guests or clusters.*.nodes, or set guest_bgp.mode: open",
        ),
    ),
    (
        "ttl_security gtsm ttl ttl_security_hops ebgp_multihop multihop",
        Answer(
            "sessions with edges are multihop between loopbacks, up to edges.*.max_hops",
            "FRR refuses TTL security on a multihop session only as it is applied",
            "remove it; set edges.*.max_hops to the real distance",
        ),
    ),
    (
        "role bgp_role local_role strict_mode",
        Answer(
            "sessions have no BGP role (RFC 9234): hosts speak iBGP, and filters bind what edges and guests say",
            "FRR refuses a role on iBGP only as it is applied",
            "remove it",
        ),
    ),
    (
        "maximum_prefix maximum_prefixes max_prefix prefix_limit",
        Answer(
            "the limit of prefixes is the tenant's: guest_bgp.max_prefixes, 1 or more; a node's follows from its pods",
            "without one a guest can fill the tables of every host",
            "remove it; set tenants.*.guest_bgp.max_prefixes",
        ),
    ),
    (
        "vm_id vmids vm vm_ids",
        Answer(
            "a guest's VM is named by its number in Proxmox, `vmid`; VMs themselves are made elsewhere",
            "the number alone ties a MAC to the port that Proxmox names after it",
            "write `vmid: NUMBER`, or remove it",
        ),
    ),
    (
        "vrf vrf_name vrf_names vrf_id",
        Answer(
            "a zone is one VRF, named vrf_<zone>",
            "Linux has 15 characters for it: FRR takes more with status 0, and the VRF is never there",
            "remove it; choose the zone's id, of 2-8 characters",
        ),
    ),
    (
        "vrf_vxlan l3vni l2vni tag vxlan_id",
        Answer(
            "a zone's L3VNI is 4095 + its id; a VNet's VNI is 10000 + its tenant's id, or its `vni`",
            "one VNI in two places moves a tenant's traffic into another's VRF, with status 0",
            "remove it; set the zone's `id`, or the VNet's `vni`",
        ),
    ),
    (
        "fabrics fabric_id fabric_name sdn_fabric openfabric ospf_fabric",
        Answer(
            "the underlay is Trellis's own: no Proxmox SDN fabric (whose ids end at 8 characters) is made or used",
            "two owners of one OSPF configuration would overwrite each other at each apply",
            "remove it; the site's links are the underlay",
        ),
    ),
    (
        "hostname host_name fqdn node_name",
        Answer(
            "a host's name is its key under hosts, and it is what the host itself prints",
            "FRR would print another hostname than the configuration has, and each reload would be a change",
            "remove it; rename the entry to what `hostname -s` prints on the host",
        ),
    ),
    (
        "insecure host_key_checking strict_host_key_checking skip_host_key verify_host_key ignore_host_key known_hosts",
        Answer(
            "host keys are pinned in the site, and the check is never off",
            "anybody on the path could take the configuration and its host",
            "remove it; pin the key of `ssh-keyscan -t ed25519 HOST` as ssh.host_key",
        ),
    ),
    (
        "command commands exec run shell script hook hooks post_up pre_up pre_down raw raw_config extra_config "
        "extra_lines frr_conf vtysh snippet snippets proxy_command ssh_options",
        Answer(
            "the site holds no commands and no raw text",
            "what a shell or FRR reads as it stands is seen by no check",
            "remove it; what is missing among the nouns of the site is a defect worth reporting",
        ),
    ),
    (
        "default_originate default_route originate_default redistribute",
        Answer(
            "guests are told the real default, which goes when the edge is gone (R10)",
            "a default that is made up attracts traffic that nobody can deliver",
            "remove it; the edge announces the default",
        ),
    ),
)
_ANSWERS = {key: answer for keys, answer in _BY_KEY for key in keys.split()}

_SECRET_WORDS = re.compile(
    r"(^|_)(password|passwd|passphrase|secret|token|md5|psk|credential|credentials|private_key|api_key|auth_key|"
    r"access_key|secret_key)($|_)"
)
_SESSION_KEYS = re.compile(
    r"((bgp|tcp|session|neighbor|neighbour)_)*(password|passwd|md5|auth_key|psk)((_(key|password|secret))?)"
)
_SECRET_TEXT = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|PVEAPIToken=|^[^@ ]+@[a-z]+![^= ]+=[0-9a-f-]{20,}$")
HIDDEN = "(a secret, not shown)"


def answer(key: str, parent: str = "") -> Answer:
    """Return what to say to somebody who wrote a key that the site does not have there, below ``parent``."""
    plain = _plain(key)
    if parent == "rest_api" and holds_secret(key):
        return _ASKING
    if _SESSION_KEYS.fullmatch(plain):
        return _SESSION_KEY
    return _SECRET if holds_secret(key) else _ANSWERS.get(plain, UNKNOWN)


def holds_secret(key: str) -> bool:
    """Return whether a key's name says that its value is a secret."""
    return _SECRET_WORDS.search(_plain(key)) is not None


def hidden(value: Any) -> Any:
    """Return a JSON value with everything in it that looks like a secret replaced, so that it may be shown."""
    if isinstance(value, dict):
        if value.keys() == {"secure"}:
            return value  # as Pulumi encrypted it
        return {
            key: hidden(below) if isinstance(below, dict) or not holds_secret(str(key)) else HIDDEN
            for key, below in value.items()
        }
    if isinstance(value, list):
        return [hidden(below) for below in value]
    if isinstance(value, str) and _SECRET_TEXT.search(value):
        return HIDDEN
    return value


def _plain(key: str) -> str:
    """Return a key in small letters with underscores, however it was written: rtImport, rt-import, RT_IMPORT."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).replace("-", "_").replace(" ", "_").lower()
