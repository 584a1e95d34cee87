"""The parts of `SessionService`."""
