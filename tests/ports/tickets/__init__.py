"""A help desk: customers open tickets by HTTP, and talk with agents about them live."""
