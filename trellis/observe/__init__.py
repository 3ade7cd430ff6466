"""Sessions and routes of guests as they are on the hosts: read, judged by the policy, kept, and shown.

Hosts are read by the agent (``trellis.agent.observe``), the store is ``trellis.observe.tables``; everything that shows
something (command line, API, page, metrics) reads the store and asks no host.  Nothing here changes a host.
"""
