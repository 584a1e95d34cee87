"""The page cursors of `OfflineMessageService` and `DeliveryService`."""
