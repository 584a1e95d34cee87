"""The services of the chat. They import only `domain`, `ports` and `concurrency`.

Each module directly in this package is a service; the subpackages contain parts of services.
"""
