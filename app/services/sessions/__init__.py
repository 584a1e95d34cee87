"""What `SessionService` and `AuthenticationService` are built from."""
