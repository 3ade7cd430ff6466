"""Stand-ins for the provider plugins `command` 1.2.1, `proxmoxve` 8.6 and `talos` 0.8, for machines without internet.

They speak the plugin protocol to the real engine and make the same SSH connections and REST calls as the
real plugins do, so that the lab can run the real program where the real plugins can't be downloaded; only what
`talos` would say to a node's API is said in the lab's own way (`talos_node`).
They are used only for a plugin that is not on the machine (`trellis.engine.real_plugins`), and they serve
the resources that this program uses, no others. Deliberately elsewhere: Proxmox itself
(`trellis.lab.proxmox`), and the run of the program (`trellis.lab.program`).
"""
