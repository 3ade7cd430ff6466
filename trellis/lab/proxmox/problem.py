"""What the simulated API refuses with: a status, Proxmox's words, and words per parameter.

```
ApiProblem            any refusal; 500 unless it says otherwise
|- ParameterProblem   400, a parameter is malformed
`- NotPlayed          501, Proxmox has it and the simulator does not, or nobody has it
```
"""

from __future__ import annotations

from collections.abc import Mapping


class ApiProblem(Exception):
    """A refusal.

    Args:
        message: What the body's `message` says.
        status: The HTTP status.
        errors: Words for each parameter that is at fault.
    """

    def __init__(self, message: str, *, status: int = 500, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.errors = dict(errors or {})


class ParameterProblem(ApiProblem):
    """Parameters are malformed.

    Args:
        errors: Words for each of them.
    """

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("Parameter verification failed.", status=400, errors=errors)

    def in_one_text(self) -> str:
        """As it reads inside another message, where Proxmox turns it into text."""
        return "400 Parameter verification failed.\n" + "".join(
            f"{name}: {words}\n" for name, words in self.errors.items()
        )


class NotPlayed(ApiProblem):
    """The simulator has no such thing.

    Args:
        message: What is not there.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, status=501)
