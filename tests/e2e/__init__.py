"""The document, snippet by snippet, against the real server on a real port."""
