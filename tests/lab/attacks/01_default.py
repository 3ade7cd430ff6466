"""Attack 1: a guest announces the default of both families, as if it were the way to the internet."""

from trellis.lab.attacks import Said, Speech, speech

ATTACK = speech.attack(
    1,
    "a guest announces the default",
    "its list holds its own prefixes alone",
    Speech("mallory", "frr", refused=(Said("::/0"), Said("0.0.0.0/0")), accepted=(Said("fd00:101:fe::66/128"),)),
    defects=(speech.permits("mallory", "::/0"), speech.permits("mallory", "0.0.0.0/0")),
    quick=True,
)
