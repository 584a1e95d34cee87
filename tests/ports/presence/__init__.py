"""Presence: which members of a team are online, away or offline, on any of their devices."""
