"""What the message services share: content rules and page cursors."""
