"""Page cursors, shared by the services for messages."""
