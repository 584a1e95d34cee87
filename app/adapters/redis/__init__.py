"""What nodes share through Redis: revocations, word of them, limits, and the webhooks dealt with.

One Redis, or a primary with replicas behind one address; not Redis Cluster, as a script here
touches keys of several slots.
"""
