"""What a failure's file says: what breaks and heals, what is watched meanwhile, and the bounds."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from trellis.lab.errors import LabError
from trellis.lab.failures import causing

INTERNET = "internet"
"""The host behind the edges, as files name it."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Step(_Entry):
    """Something that is done to the lab: `power_cut: pve02`, or `cut: {host: pve01, link: mesh-pve01-pve02}`.

    Attributes:
        verb: One of `causing.VERBS`.
        arguments: What it takes, by name.
    """

    verb: str
    arguments: dict[str, Any]

    @model_validator(mode="after")
    def _known(self) -> Self:
        verb = causing.VERBS.get(self.verb)
        if verb is None:
            raise ValueError(f"nothing does {self.verb!r}; there are {', '.join(sorted(causing.VERBS))}")
        try:
            inspect.signature(verb).bind(None, **self.arguments)
        except TypeError as error:
            raise ValueError(f"{self.verb}: {error}") from None
        return self

    def __str__(self) -> str:
        return f"{self.verb} {', '.join(str(value) for value in self.arguments.values())}".strip()


def _step(written: Any) -> Any:
    """`verb: value` is its first argument, `verb: {name: value}` are all of them."""
    if not isinstance(written, dict) or len(written) != 1:
        return written
    ((verb, given),) = written.items()
    if isinstance(given, dict):
        return {"verb": verb, "arguments": given}
    known = causing.VERBS.get(verb)
    names = list(inspect.signature(known).parameters)[1:] if known else ["what"]
    return {"verb": verb, "arguments": {names[0]: given} if names and given is not None else {}}


Steps = tuple[Annotated[Step, BeforeValidator(_step)], ...]


class Stream(_Entry):
    """Pings every 10 ms, and how long they may be unanswered.

    Attributes:
        source: A guest (from its loopbacks, else its own address), or `internet`.
        target: The same; its loopbacks are asked.
        on_vnet: Ask for the target's address on its VNet instead.
        bytes_: Of each IP packet, which nobody may cut into pieces; None for ping's own 84 (IPv4) or 104 (IPv6).
        silent_ms: The longest that it may be unanswered; None where nothing is promised, and it is only told.
        cut_off: It has to be unanswered while the lab is broken: that proves that the failure is one.
    """

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    on_vnet: bool = False
    bytes_: int | None = Field(default=None, alias="bytes", ge=84, le=9000)
    silent_ms: int | None = Field(default=None, ge=0)
    cut_off: bool = False


class Gone(_Entry):
    """A route that has to go from a kernel's table.

    Attributes:
        at: A host's VRF is never asked: an edge, or a guest.
        of: A guest, whose loopbacks they are, or `default`.
        within_ms: Counted from the moment of the break.
    """

    at: str
    of: str
    within_ms: int = Field(ge=0)


class Way(_Entry):
    """The way by which a node reaches another while the lab is broken.

    Attributes:
        at: A host.
        to: A host or an edge, by its loopback.
        device: The device that packets have to leave by.
    """

    at: str
    to: str
    device: str


class Failure(_Entry):
    """A failure, as its file says it.

    Attributes:
        name: The file's.
        what: What happens, in one sentence.
        seed: What the seed promises for it, with its section; empty where it says nothing.
        decided: Where it says by design what is not promised: the decision.
        runs: How often it is run; three where one takes under 60 s.
        rest_s: Seconds before it is run again.
        prepares: What is done before anything is watched, so that what breaks matters.
        breaks: What is done.
        heals: What ends it, and what was prepared.
        watched_s: Seconds from the break until it is healed.
        streams: By name.
        gone: By name.
        paths: The ways that packets go while the lab is broken.
        may_reset: Hosts, edges and guests whose sessions may reset; all others must not.
        back_s: Seconds from the healing within which every session and every route is back.
    """

    name: str
    what: str
    seed: str = ""
    decided: str = ""
    runs: int = Field(default=3, ge=1, le=10)
    rest_s: float = Field(default=0.0, ge=0, le=300)
    prepares: Steps = Field(alias="prepare", default=())
    breaks: Steps = Field(alias="break", min_length=1)
    heals: Steps = Field(alias="heal", default=())
    watched_s: float = Field(default=5.0, gt=0, le=300)
    streams: dict[str, Stream] = Field(default_factory=dict)
    gone: dict[str, Gone] = Field(default_factory=dict)
    paths: tuple[Way, ...] = ()
    may_reset: tuple[str, ...] | Literal["all"] = ()
    back_s: float = Field(default=60.0, gt=0)


def read(folder: Path) -> dict[str, Failure]:
    """The failures of a folder, by name, in the order of their files.

    Raises:
        LabError: Files are not as they should be; all of them are named.
    """
    found, wrong = {}, []
    for file in sorted(folder.glob("*.yaml")):
        try:
            found[file.stem] = Failure.model_validate({"name": file.stem, **yaml.safe_load(file.read_text())})
        except (ValidationError, yaml.YAMLError, TypeError) as error:
            wrong.append(f"{file.name}: {error}")
    if wrong:
        raise LabError(str(folder), why="\n".join(wrong), remedy="see trellis/lab/failures/failure.py")
    return found
