"""Site and plan -> one picture of the fabric, as the text of an SVG file that needs nothing beside itself."""

from trellis.picture.draw import draw
from trellis.picture.fabric import Fabric, fabric_of

__all__ = ["Fabric", "draw", "fabric_of"]
