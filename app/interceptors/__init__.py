"""What stands around a handler. The chat needs nothing there; `docs/writing-a-gateway.md` does."""
