"""The typed site: what a person writes, the errors they get, and its JSON Schema."""

from trellis.site.delegated import with_prefixes
from trellis.site.load import load_site, site_of_stack
from trellis.site.model import Site
from trellis.site.refusal import Refusal, SiteRefused
from trellis.site.resolved import AttachedGuest, attached_guests, zone_nodes
from trellis.site.stack import CONFIG_KEY, site_data_of_stack

__all__ = [
    "CONFIG_KEY",
    "AttachedGuest",
    "Refusal",
    "Site",
    "SiteRefused",
    "attached_guests",
    "load_site",
    "site_data_of_stack",
    "site_of_stack",
    "with_prefixes",
    "zone_nodes",
]
