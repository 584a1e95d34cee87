"""What stands before a handler: who is asking, and how often."""
