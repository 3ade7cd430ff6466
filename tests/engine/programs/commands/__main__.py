"""Three files on one host, written through remote.Command as the real program writes its own."""

import pulumi
from pulumi_command import remote

config = pulumi.Config()
folder = config.require("folder")
connection = remote.ConnectionArgs(
    host="127.0.0.1",
    port=config.require_int("port"),
    user=config.require("user"),
    private_key=config.require_secret("privateKey"),
    host_key=config.require("hostKey"),
    dial_error_limit=1,
    per_dial_timeout=5,
)
for name, text in sorted(config.require_object("files").items()):
    remote.Command(
        name,
        connection=connection,
        create=f"{config.get('before') or 'true'}; cat > {folder}/{name} && echo wrote {name}",
        delete=f"rm {folder}/{name}",
        stdin=text,
        add_previous_output_in_env=False,
    )
pulumi.export("names", sorted(config.require_object("files")))
pulumi.export("canary", config.require_secret("canary"))
