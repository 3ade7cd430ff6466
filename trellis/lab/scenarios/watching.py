"""Looking at every host while something is done to it: whether it runs, and would boot with, what is intended.

What is intended is what it ran before, when the agent's own `check` found no difference; the two are compared line by
line, each within its context, by this module alone. A host that does not answer does not run what is intended.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trellis.lab.errors import LabError
from trellis.lab.heartbeat import Heartbeat

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

PAUSE_S = 0.5
_LOOK_S = 10.0
_SHOWN = 3

_LOOK = """
vtysh -c 'show running-config' || exit 1
echo '==== frr.conf'
cat /etc/frr/frr.conf
"""
_NOISE = ("!", "exit", "end", "Building configuration", "Current configuration", "frr version")


@dataclass(frozen=True, slots=True)
class Look:
    """A host at one moment.

    Args:
        at_s: Seconds since the watch began, when it had answered.
        fault: In what it is not as intended; empty if it is.
    """

    at_s: float
    fault: str


@dataclass(frozen=True, slots=True)
class Course:
    """How a host fared.

    Args:
        looks: All looks at it, in order.
    """

    looks: tuple[Look, ...]

    @property
    def whole(self) -> bool:
        """Whether it is as intended at the last look."""
        return bool(self.looks) and not self.looks[-1].fault

    @property
    def whole_since_s(self) -> float | None:
        """When it was first as intended again, and remained so; 0 if it always was, None if it is not."""
        if not self.whole:
            return None
        faulty = [number for number, look in enumerate(self.looks) if look.fault]
        return round(self.looks[faulty[-1] + 1].at_s, 1) if faulty else 0.0

    @property
    def faults(self) -> tuple[str, ...]:
        """What was seen to be wrong, each once."""
        return tuple(dict.fromkeys(look.fault for look in self.looks if look.fault))


def in_context(text: str) -> Counter[tuple[str, ...]]:
    """The lines of a configuration, each with the lines that it stands below; their order does not count."""
    found: Counter[tuple[str, ...]] = Counter()
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        words = line.strip()
        if not words or words.startswith(_NOISE):
            continue
        depth = len(line) - len(line.lstrip())
        above = [entry for entry in above if entry[0] < depth]
        found[(*(entry[1] for entry in above), words)] += 1
        above.append((depth, words))
    return found


class Watch:
    """Looks at every host, again and again, until it is ended.

    Args:
        twin: The lab, every host as intended.
    """

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._hosts = sorted(twin.site.hosts)
        self._intended = {host: self._texts(host) for host in self._hosts}
        self._looks: dict[str, list[Look]] = {host: [] for host in self._hosts}
        self._over = threading.Event()
        self._heartbeat = Heartbeat()
        self._began = time.monotonic()
        self._threads = [threading.Thread(target=self._watch, args=(host,), daemon=True) for host in self._hosts]

    def __enter__(self) -> Watch:
        self._began = time.monotonic()
        self._heartbeat.start()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(2 * _LOOK_S)
        self._heartbeat.end()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    @property
    def stalled_ms(self) -> int:
        """The longest time for which this machine did not get to run a thread that wanted to run."""
        return self._heartbeat.stalled_ms

    def courses(self) -> dict[str, Course]:
        """How each host has fared so far."""
        return {host: Course(tuple(looks)) for host, looks in self._looks.items()}

    def wait(self, until: Callable[[dict[str, Course]], bool], limit_s: float) -> bool:
        """Wait until the courses satisfy a condition.

        Args:
            until: The condition.
            limit_s: Seconds since the watch began.

        Returns:
            Whether they did in time.
        """
        while not until(self.courses()):
            if self.seconds > limit_s:
                return False
            time.sleep(PAUSE_S)
        return True

    def _watch(self, host: str) -> None:
        while not self._over.wait(PAUSE_S):
            fault = self._fault(host)
            self._looks[host].append(Look(self.seconds, fault))

    def _fault(self, host: str) -> str:
        try:
            running, file = self._texts(host)
        except LabError as error:
            # A connection to a host that went down is of no use, and would hold the next look up.
            self._twin.lab.machine(host).connection.unlink(missing_ok=True)
            return f"no answer ({error.why.splitlines()[-1][:80]})"
        was_running, was_file = self._intended[host]
        return _difference("runs", was_running, running) or _difference("frr.conf", was_file, file)

    def _texts(self, host: str) -> tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]]:
        said = self._twin.lab.access.run(host, _LOOK, timeout_s=_LOOK_S).stdout
        running, _, file = said.partition("==== frr.conf\n")
        return in_context(running), in_context(file)


def _difference(what: str, intended: Counter[tuple[str, ...]], seen: Counter[tuple[str, ...]]) -> str:
    missing, more = intended - seen, seen - intended
    if not missing and not more:
        return ""
    some = [f"- {' / '.join(line)}" for line in list(missing)[:_SHOWN]]
    some += [f"+ {' / '.join(line)}" for line in list(more)[:_SHOWN]]
    return f"{what}: {sum(missing.values())} lines missing, {sum(more.values())} more: {'; '.join(some)}"
