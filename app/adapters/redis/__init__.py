"""Shares revocations, limits and processed webhooks between nodes through Redis.

In a Redis Cluster, nearly all keys are in one slot, because some scripts use several keys; see
`Keys`.
"""
