"""Opens connections to a Redis server, to the master of Sentinel, or to a Redis Cluster."""
