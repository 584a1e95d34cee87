"""Methods that run without a client's event: found at boot, and run as bounded tasks."""
