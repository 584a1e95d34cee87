"""What comes in over websockets."""
