"""Shares revocations, limits and processed webhooks between nodes through Redis.

Needs a single Redis server, or a primary with replicas behind one address. Redis Cluster is not
supported, because some scripts use keys in several slots.
"""
