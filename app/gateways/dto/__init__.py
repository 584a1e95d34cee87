"""The payloads that clients send. Unknown fields are ignored; no payload contains the user."""
