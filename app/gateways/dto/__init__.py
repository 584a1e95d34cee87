"""The payloads of clients. Unknown fields are ignored; the user is never read from a payload."""
