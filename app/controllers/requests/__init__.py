"""What the controllers share: reading a request body, refusing a request."""
