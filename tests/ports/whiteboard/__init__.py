"""Shared whiteboards: shapes, pictures, cursors, locks, replay, and previews for readers."""
