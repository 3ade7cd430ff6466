"""The digital twin: a stack's own site as machines with kernels of their own, on this machine.

``topology`` says what a lab consists of, ``controller`` brings it up and takes it down, ``twin`` makes one out of
a site.  What judges the product is written independently of it: nothing here imports ``trellis.plan``,
``trellis.render`` or ``trellis.pve``.
"""
