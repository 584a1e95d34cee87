"""What operators see of the running server: logs without secrets."""
