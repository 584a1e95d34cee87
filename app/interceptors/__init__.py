"""What stands around a handler."""
