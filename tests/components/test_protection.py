"""Zones and VNets are protected where the stack's configuration asks for it, but for those that it names."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pytest

from components.protection import protect


def of(value: Any) -> pulumi.Config:
    pulumi.runtime.set_config("of-a-test:protected", json.dumps(value))
    return pulumi.Config("of-a-test")


@pytest.mark.parametrize("value", [True, [], {}, {"except": "vnet101"}, {"except": [1]}, {"except": [], "more": 1}])
def test_what_is_not_understood_is_refused_and_protects_nothing_by_mistake(value: Any) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        protect(of(value))
    assert "trellis:protected is refused; nothing was changed" in str(refused.value)
