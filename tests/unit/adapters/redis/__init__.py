"""The adapters on a real server, which is stopped, frozen and started again."""
