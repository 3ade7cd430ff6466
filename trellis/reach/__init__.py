"""What happens to a packet, and what happens if something fails: on the plan alone.

A value in, a value out: no host is asked.  How the fabric forwards was read off a running one (the lab): each table
here holds what `ip route` showed there.
"""
