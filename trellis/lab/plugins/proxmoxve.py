"""Stand-in for pulumi-resource-proxmoxve 8.6: EVPN controllers and zones, VNets, subnets, the applier.

The calls, their order and their form are those of the real plugin; each object is read back after it is
made or changed, and what was read is the state. As with the real one, a zone's `pending` and `state` and a
controller's `digest` change when SDN is applied, so a first refresh after an apply shows them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from trellis.lab.plugins.differences import Difference, differences
from trellis.lab.plugins.pve_objects import CONTROLLER, SUBNET, VNET, ZONE, Field, Kind
from trellis.lab.plugins.pve_rest import Api, ApiError
from trellis.lab.plugins.resource import Call, Failure, Live, OperationError, Provider, Resource
from trellis.lab.plugins.wire import UNKNOWN, Properties

VERSION = "8.6.0"

_Answer = TypeVar("_Answer")

_PENDING = (("pending", "1"),)


class Connection:
    """The API once the engine has configured the provider."""

    def __init__(self) -> None:
        self._api: Api | None = None

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Takes the provider's configuration; connects at the first call only."""
        self.cancel()
        self._api = None if UNKNOWN in settings.values() else Api(settings)

    def cancel(self) -> None:
        """Stops waiting for tasks and closes the connections."""
        if self._api is not None:
            self._api.cancel()

    @property
    def api(self) -> Api:
        """The API; an error if the provider's configuration is not known yet."""
        if self._api is None:
            raise OperationError("the provider is not configured: its endpoint or token is not known yet")
        return self._api


class SdnObject:
    """An object of one kind."""

    def __init__(self, kind: Kind, connection: Connection) -> None:
        self._kind = kind
        self._connection = connection
        self._fields = (kind.identity, *kind.fields)

    def check(self, inputs: Properties) -> tuple[Properties, list[Failure]]:
        """Refuses what the real plugin refuses before any call."""
        known = {field.name for field in self._fields}
        failures = [
            Failure(name, f"the lab's stand-in does not know {name!r} of {self._kind.title}")
            for name in sorted(set(inputs) - known)
            if not name.startswith("__")
        ]
        failures += [
            Failure(field.name, f"Missing required property '{field.name}'")
            for field in self._fields
            if field.required and inputs.get(field.name) is None
        ]
        return inputs, failures + self._kind.check(inputs)

    def diff(self, old_inputs: Properties, new_inputs: Properties) -> tuple[Difference, ...]:
        """Lists are sets: their order does not count."""
        return differences(self._as_sets(old_inputs), self._as_sets(new_inputs), self._kind.replacing)

    def planned(self, inputs: Properties) -> Properties:
        """Inputs and defaults; what the API fills in is not known yet."""
        defaults = {
            field.name: UNKNOWN if field.computed else field.default
            for field in self._fields
            if field.computed or field.default is not None
        }
        outputs = dict.fromkeys(self._output_names(), UNKNOWN)
        return {**defaults, **outputs, **{name: value for name, value in inputs.items() if value is not None}}

    def create(self, call: Call, inputs: Properties) -> tuple[str, Properties]:
        """POST, then read back."""
        identity = str(inputs[self._kind.identity.name])
        form = [*self._form(inputs), (self._kind.identity.api, identity)]
        if self._kind.type:
            form.append(("type", self._kind.type))
        api, collection = self._connection.api, self._collection(inputs)
        _attempt(f"Unable to Create {self._kind.title}", lambda: api.post(collection, form))
        identifier = _attempt(
            f"Unable to Resolve {self._kind.title} ID", lambda: self._canonical(api, collection, identity)
        )
        title = f"Unable to Read {self._kind.title} After Creation"
        return identifier, _attempt(title, lambda: self._state(api, collection, identifier, inputs))

    def read(self, call: Call, identifier: str, inputs: Properties, state: Properties) -> Live | None:
        """GET; None if it is gone."""
        api = self._connection.api
        try:
            live = self._state(api, self._collection({**inputs, **state}), identifier, state)
        except ApiError as error:
            if error.gone:
                return None
            raise OperationError(f"Unable to Read {self._kind.title}: {error}") from None
        found = {
            field.name: live[field.name]
            for field in self._fields
            if live.get(field.name) is not None
            and (field.name in inputs or not (field.computed or live[field.name] == field.default))
        }
        return Live(found, live)

    def update(self, call: Call, identifier: str, state: Properties, inputs: Properties) -> Properties:
        """PUT with what is to be unset under `delete`, then read back."""
        api, collection = self._connection.api, self._collection(inputs)
        form = [*self._form(inputs), (self._kind.identity.api, identifier)]
        form += [
            ("delete", field.api)
            for field in self._kind.fields
            if state.get(field.name) is not None
            and inputs.get(field.name) is None
            and field.default is None
            and not field.kept
        ]
        _attempt(f"Unable to Update {self._kind.title}", lambda: api.put(f"{collection}/{identifier}", form))
        title = f"Unable to Read {self._kind.title} After Update"
        return _attempt(title, lambda: self._state(api, collection, identifier, inputs))

    def delete(self, call: Call, identifier: str, state: Properties) -> None:
        """DELETE; an object that is gone already is no error."""
        try:
            self._connection.api.delete(f"{self._collection(state)}/{identifier}")
        except ApiError as error:
            if not error.gone:
                raise OperationError(f"Unable to Delete {self._kind.title}: {error}") from None

    def _collection(self, properties: Properties) -> str:
        return self._kind.collection.format(vnet=properties.get("vnet", ""))

    def _canonical(self, api: Api, collection: str, identity: str) -> str:
        """The object's id: its own, except a subnet's, which Proxmox writes as ZONE-NETWORK-LENGTH."""
        if self._kind is not SUBNET:
            return identity
        suffix = identity.replace("/", "-")
        for one in api.get(collection) or ():
            if str(one["subnet"]).endswith(suffix):
                return str(one["subnet"])
        raise OperationError(f"could not resolve canonical subnet ID for {identity}")

    def _state(self, api: Api, collection: str, identifier: str, asked: Properties) -> Properties:
        """Read the object as it will be once its pending changes are applied."""
        data = api.get(f"{collection}/{identifier}", _PENDING if self._kind.pending else ())
        pending = data.get("pending") or {}
        state: Properties = {
            field.name: _order(
                _value(field, pending[field.api] if field.api in pending else data.get(field.api)),
                asked.get(field.name),
            )
            for field in self._kind.fields
        }
        state[self._kind.identity.name] = _identity(self._kind, identifier)
        for name, api_name in self._kind.outputs.items():
            value = data.get(api_name)
            state[name] = None if value == "deleted" else value
        if self._kind is ZONE and pending:
            state["pending"] = True
        return {name: value for name, value in state.items() if value is not None}

    def _output_names(self) -> tuple[str, ...]:
        return (*self._kind.outputs, *(("pending",) if self._kind is ZONE else ()))

    def _form(self, inputs: Properties) -> list[tuple[str, str]]:
        """The fields as the API takes them, defaults included."""
        pairs: list[tuple[str, str]] = []
        for field in self._kind.fields:
            value = inputs.get(field.name)
            value = field.default if value is None else value
            if value is None or value == []:
                continue
            if field.type == "repeated":
                pairs += [(field.api, str(item)) for item in value]
            elif field.type == "joined":
                pairs.append((field.api, ",".join(str(item) for item in value)))
            elif field.type == "flag":
                pairs.append((field.api, "1" if value else "0"))
            else:
                pairs.append((field.api, str(value)))
        return pairs

    def _as_sets(self, inputs: Properties) -> Properties:
        lists = {field.name for field in self._fields if field.type in ("repeated", "joined")}
        return {
            name: sorted(value, key=str) if name in lists and isinstance(value, list) else value
            for name, value in inputs.items()
        }


class Applier:
    """`sdn.Applier`: applies all pending SDN changes when it is made, when it goes, or both."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def check(self, inputs: Properties) -> tuple[Properties, list[Failure]]:
        """Takes `onCreate` and `onDestroy`."""
        unknown = sorted(set(inputs) - {"onCreate", "onDestroy", "__defaults"})
        return inputs, [Failure(name, f"unknown property {name!r} of an applier") for name in unknown]

    def diff(self, old_inputs: Properties, new_inputs: Properties) -> tuple[Difference, ...]:
        """Any change replaces it."""
        return differences(self.planned(old_inputs), self.planned(new_inputs), ("onCreate", "onDestroy"))

    def planned(self, inputs: Properties) -> Properties:
        """Both are on unless the program says otherwise."""
        return {name: inputs.get(name) is not False for name in ("onCreate", "onDestroy")}

    def create(self, call: Call, inputs: Properties) -> tuple[str, Properties]:
        """Applies, unless `onCreate` is false; its id is the time in milliseconds."""
        state = self.planned(inputs)
        if state["onCreate"]:
            _attempt("Unable to Apply SDN Configuration", self._connection.api.apply_sdn)
        return str(int(time.time() * 1000)), state

    def read(self, call: Call, identifier: str, inputs: Properties, state: Properties) -> Live | None:
        """There is nothing to read."""
        return Live(inputs, state)

    def update(self, call: Call, identifier: str, state: Properties, inputs: Properties) -> Properties:
        """Never asked for by the engine, as any change replaces; applies to be safe."""
        _attempt("Unable to Re-Apply SDN Configuration", self._connection.api.apply_sdn)
        return self.planned(inputs)

    def delete(self, call: Call, identifier: str, state: Properties) -> None:
        """Applies, unless `onDestroy` is false."""
        if state.get("onDestroy") is not False:
            _attempt("Unable to Apply SDN Configuration", self._connection.api.apply_sdn)


def _attempt(title: str, operation: Callable[[], _Answer]) -> _Answer:
    """Run calls; a refusal becomes the error that the user reads."""
    try:
        return operation()
    except ApiError as error:
        raise OperationError(f"{title}: {error}") from None


def _value(field: Field, value: Any) -> Any:
    """A field as the API answers it; "deleted" stands for a removal that is not applied yet."""
    if value is None or value == "deleted":
        return None
    if field.type == "flag":
        return value in (1, True)  # the text "1" reads as false in the real plugin
    if field.type == "number":
        if isinstance(value, bool) or not isinstance(value, int):
            raise OperationError(f"the API answered {value!r} for {field.api}, which is no number")
        return value
    if field.type in ("repeated", "joined"):
        return [item for item in str(value).split(",") if item]
    return str(value)


def _order(found: Any, asked: Any) -> Any:
    """A list in the order that the program gave it, if it is the same set."""
    if isinstance(found, list) and isinstance(asked, list) and sorted(found) == sorted(asked):
        return asked
    return found


def _identity(kind: Kind, identifier: str) -> str:
    """The property that names the object; a subnet's CIDR is in its id, behind the zone."""
    if kind is not SUBNET:
        return identifier
    _, _, rest = identifier.partition("-")
    return rest.replace("-", "/")


def provider() -> Provider:
    """The stand-in plugin `proxmoxve`."""
    connection = Connection()
    resources: dict[str, Resource] = {
        "proxmoxve:sdn/controller/evpn:Evpn": SdnObject(CONTROLLER, connection),
        "proxmoxve:sdn/zone/evpn:Evpn": SdnObject(ZONE, connection),
        "proxmoxve:sdn/vnet:Vnet": SdnObject(VNET, connection),
        "proxmoxve:sdn/subnet:Subnet": SdnObject(SUBNET, connection),
        "proxmoxve:sdn/applier:Applier": Applier(connection),
    }
    return Provider("proxmoxve", VERSION, resources, connection.configure, connection.cancel)


if __name__ == "__main__":
    from trellis.lab.plugins.server import serve

    serve(provider())
