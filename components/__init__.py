"""Pulumi ComponentResources, one module per noun of the field: zone, vnet, router, guest, cluster.

They turn a plan and its rendered text into resources and decide nothing themselves; what is decided stands in
``trellis.plan``.
"""
