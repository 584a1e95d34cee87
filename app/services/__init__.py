"""What the chat does: one class per documented concern, over ports and domain only."""
