"""The services of the chat. They import only domain, ports and concurrency.

The modules directly in this package are the services; the packages contain parts of them.
"""
