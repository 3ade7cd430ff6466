"""The Pulumi engine: the CLI that plans and applies the program, found, installed or built.

The order is: `pulumi` from PATH, else the official CLI installed by the Automation API where the
internet answers, else built from `tools/engine/go.mod`, which needs only Go and the Go module proxy.
Deliberately elsewhere: running the program on the engine (`trellis.lab.program`), and the stand-ins for
provider plugins (`trellis.lab.plugins`). Nothing in this package imports pulumi.
"""

from trellis.engine.find import Engine, Source, find
from trellis.engine.problem import EngineMissingError
from trellis.engine.real_plugins import RealPlugins, real_plugins

__all__ = ["Engine", "EngineMissingError", "RealPlugins", "Source", "find", "real_plugins"]
