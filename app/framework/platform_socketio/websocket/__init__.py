"""WebSocket connections, without knowledge of Socket.IO."""
