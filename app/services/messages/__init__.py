"""Page cursors, which the services for messages share."""
