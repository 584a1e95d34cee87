"""The exception filter of the chat."""
