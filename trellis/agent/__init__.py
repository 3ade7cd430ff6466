"""The agent: what runs on a host, and puts one host's bundle into force as one transaction.

A host gets it as a single file that needs nothing but Python 3.11's standard library; `bundle.py` makes that file
out of the modules of this package, so that each can be read and tested on its own. It knows files, sysctls and
FRR's daemons, and nothing of sites, plans or Proxmox: what it installs, and what must run afterwards, is all in
the manifest that it reads from its standard input.
"""
