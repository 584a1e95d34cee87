"""What clients send. Unknown fields are ignored; who is asking is never read from a payload."""
