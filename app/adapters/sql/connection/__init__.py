"""Connections, transactions, limits and the circuit breaker."""
