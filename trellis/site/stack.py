"""From the text of a ``Pulumi.<stack>.yaml`` to the raw object of its site, or why the file cannot be read.

What the object means is judged in ``trellis.site.load``.  Secrets beside the site are looked at only to see that
they are encrypted: a stack file is committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis.site.document import document_of, endless, shown
from trellis.site.foreign import HIDDEN, hidden, holds_secret
from trellis.site.refusal import Refusal, SiteRefused, raise_if_any

CONFIG_KEY = "trellis:site"
SECRETS_KEY = "trellis:secrets"
"""Name -> value of the secrets that the site names, each encrypted by Pulumi."""


def site_data_of_stack(text: str | bytes) -> dict[str, Any]:
    """Return the raw object under ``trellis:site`` in the text of a stack file, its shape not yet judged.

    Args:
        text: The stack file.

    Raises:
        SiteRefused: If the file is no YAML, names a key twice, holds a secret in the clear, or holds no site.
    """
    document = document_of(text, _FILE)
    raise_if_any(_endless(document))
    config = document.get("config") if isinstance(document, dict) else None
    raise_if_any(_secrets_in_the_clear(config))
    data = config.get(CONFIG_KEY) if isinstance(config, dict) else None
    if isinstance(data, dict) and data.keys() == {"secure"}:
        rule, why = "the site stands in the clear", "it holds no secret, and nobody could review what is encrypted"
        remedy = "write it as a plain object; Pulumi.dev.yaml is an example"
        raise SiteRefused([Refusal(f"config.{CONFIG_KEY}", "secure: ...", rule, why, remedy)])
    if not isinstance(data, dict):
        raise SiteRefused(
            [
                Refusal(
                    f"config.{CONFIG_KEY}",
                    "nothing" if data is None else shown(data),
                    "the stack's configuration holds the site as an object",
                    "the site is the only source of everything else",
                    "add it; `trellis schema` prints what it may hold, Pulumi.dev.yaml is an example",
                )
            ]
        )
    return data


_FILE = "the stack file"


def _endless(document: Any) -> Iterator[Refusal]:
    """Refuse a file without an end; how deep its site may be is judged with the site."""
    rest, config = document, document.get("config") if isinstance(document, dict) else None
    site = config.get(CONFIG_KEY) if isinstance(config, dict) else None
    if isinstance(config, dict) and isinstance(site, dict):
        rest = {**document, "config": {key: value for key, value in config.items() if key != CONFIG_KEY}}
    yield from endless(rest, site, _FILE)


def _secrets_in_the_clear(config: Any) -> Iterator[Refusal]:
    """Refuse a stack file with a secret that anybody can read: by its key's name, or by what it looks like."""
    for key, value in _config_values(config):
        if key == CONFIG_KEY or (isinstance(value, dict) and "secure" in value):
            continue
        ours = str(key).startswith(SECRETS_KEY)
        path = f"--path '{key}'" if ours else key
        if ((ours or holds_secret(str(key).rpartition(":")[2])) and value is not None) or hidden(value) != value:
            yield Refusal(
                f"config.{key}",
                HIDDEN,
                "a secret stands in a stack file only as Pulumi encrypted it (`secure: ...`)",
                "the file is committed: whoever reads the repository has the secret",
                f"`pulumi config set --secret {path}`, and give out a new secret: this one was in the open",
            )


def _config_values(config: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what a configuration holds by key; of ``trellis:secrets`` each one by itself, as each may be encrypted."""
    for key, value in config.items() if isinstance(config, dict) else ():
        if key == SECRETS_KEY and isinstance(value, dict) and value.keys() != {"secure"}:
            yield from ((f"{key}.{name}", secret) for name, secret in value.items())
        else:
            yield key, value
