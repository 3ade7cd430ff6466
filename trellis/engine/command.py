"""What `trellis engine` does: make sure that there is an engine, and say which."""

from __future__ import annotations

import json
from collections.abc import Callable

from trellis.engine.find import find
from trellis.engine.real_plugins import real_plugins


def run(write: Callable[[str], None], say: Callable[[str], None], *, as_json: bool = False) -> None:
    """Find, install or build the engine and describe it, and the provider plugins beside it.

    Args:
        write: Where the answer goes (standard output).
        say: Where progress goes (standard error).
        as_json: One JSON document instead of lines for a person.

    Raises:
        EngineMissingError: If no engine can be had.
    """
    engine = find(say)
    plugins = real_plugins()
    if as_json:
        document = {
            "schema_version": 1,
            "path": str(engine.path),
            "version": engine.version,
            "source": engine.source,
            "seconds": engine.seconds,
            "plugins": {
                **{name: {"real": True, "path": str(path)} for name, path in plugins.present.items()},
                **{name: {"real": False, "wanted": version} for name, version in plugins.missing.items()},
            },
        }
        write(json.dumps(document, indent=2, sort_keys=True))
        return
    write(engine.describe())
    for name, path in plugins.present.items():
        write(f"plugin {name}: {path}")
    for name, version in plugins.missing.items():
        write(f"plugin {name} {version}: not here; the lab brings a stand-in, `pulumi up` downloads it")
