"""A host's secrets: the values that its text has placeholders for, sent apart from it on standard input.

They come from the stack's configuration, ``trellis:secrets``, which Pulumi keeps encrypted; the manifest and every
preview have placeholders.  A host gets those that its own text uses.  What it does with them is ``trellis.agent``'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import pulumi

from components.host import Login, agent_command
from trellis.agent.vault import ALLOWED, ALLOWED_WORDS
from trellis.render import Bundle
from trellis.site.foreign import HIDDEN
from trellis.site.refusal import Refusal, raise_if_any

_KEY = "trellis:secrets"
_SET = "pulumi config set --secret --path 'trellis:secrets.{}'"


def given_secrets(config: pulumi.Config, bundles: Sequence[Bundle]) -> dict[str, str]:
    """Return the value of each secret that hosts need, by its name.

    Args:
        config: The program's configuration.
        bundles: What all hosts get.

    Raises:
        SiteRefused: One is missing, not used, not encrypted, or of another form than FRR bears; no value is shown.
    """
    users: dict[str, list[str]] = {}
    for bundle in bundles:
        for name in bundle.secrets:
            users.setdefault(name, []).append(bundle.host)
    try:
        given = config.get_object("secrets")
    except pulumi.ConfigTypeError:
        given = ""  # Not the error's own text: it holds what could not be read.
    if not isinstance(given, Mapping | None):
        rule, why = "the secrets of a stack are an object, name -> value", "each is told from the others by its name"
        raise_if_any(
            [Refusal(f"config.{_KEY}", HIDDEN, rule, why, f"`pulumi config rm {_KEY}`, then `{_SET.format('NAME')}`")]
        )
        return {}
    values = dict(given or {})
    raise_if_any([*_missing_or_unused(users, values), *_misshapen(values)])
    return {name: str(value) for name, value in values.items()}


def _missing_or_unused(users: Mapping[str, Sequence[str]], values: Mapping[str, object]) -> Iterator[Refusal]:
    for name in sorted(users.keys() - values.keys()):
        why = f"sessions of {', '.join(users[name])} are signed with it"
        remedy = f"`{_SET.format(name)}` asks for its value: {ALLOWED_WORDS}"
        yield Refusal(f"config.{_KEY}.{name}", "nothing", "each secret that the site names has a value", why, remedy)
    for name in sorted(values.keys() - users.keys()):
        rule, why = "each secret is one that the site names", "its name may be misspelt; and what is kept can be lost"
        remedy = f"`pulumi config rm --path '{_KEY}.{name}'`, or name it: edges.*.md5, fabric.md5, guest_bgp.md5"
        yield Refusal(f"config.{_KEY}.{name}", HIDDEN, rule, why, remedy)


def _misshapen(values: Mapping[str, object]) -> Iterator[Refusal]:
    for name, value in sorted(values.items()):
        if not isinstance(value, str) or ALLOWED.fullmatch(value) is None:
            why = "FRR refuses it only as it is applied, or Proxmox's merge drops its line; a short one is guessed"
            rule = f"the value of a secret is {ALLOWED_WORDS}"
            remedy = f"`openssl rand -base64 24 | {_SET.format(name)}`, and the same at the other end"
            yield Refusal(f"config.{_KEY}.{name}", HIDDEN, rule, why, remedy)
        elif same := [other for other, its in values.items() if other < name and its == value]:
            why = "FRR prints the value, not the name: what it runs could not be told apart"
            remedy = f"give both sessions one name, or {name} a value of its own"
            rule = f"each secret has a value of its own, and {same[0]} has the same"
            yield Refusal(f"config.{_KEY}.{name}", HIDDEN, rule, why, remedy)
    if values and not pulumi.runtime.is_config_secret(_KEY):
        rule = "secrets stand in a stack file only as Pulumi encrypted them"
        why = "the file is committed: whoever reads the repository has them"
        remedy = f"`{_SET.format('NAME')}` for each, with new values: these were in the open"
        yield Refusal(f"config.{_KEY}", HIDDEN, rule, why, remedy)


class Secrets(pulumi.ComponentResource):
    """A host that holds the values that its text needs.

    Args:
        name: Name of the host.
        bundle: What it shall run, with placeholders.
        values: Values by name, those of other hosts among them.
        login: How to reach it.
        after: What must be there before: no two commands of the agent run at once on a host.
    """

    def __init__(
        self, name: str, bundle: Bundle, values: Mapping[str, str], login: Login, after: Sequence[pulumi.Resource]
    ) -> None:
        super().__init__("trellis:host:Secrets", f"{name}-given")  # waits for nothing, as in components.host
        needed = {secret: values[secret] for secret in bundle.secrets}
        document = json.dumps({"schema_version": 1, "host": bundle.host, "secrets": needed})
        self.stored = agent_command(
            f"{name}-secrets",
            login,
            "secrets",
            pulumi.ResourceOptions(
                parent=self, depends_on=after, additional_secret_outputs=["stdin", "stdout", "stderr"]
            ),
            stdin=pulumi.Output.secret(document),
        )
        self.register_outputs({"host": name, "names": list(bundle.secrets)})
