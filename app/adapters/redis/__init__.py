"""Shares revocations, limits and processed webhooks between nodes through Redis.

Needs a single Redis server, or a primary with replicas behind one address. Redis Cluster does not
work, because a script uses keys in several slots.
"""
