"""Builds ``app/framework`` and ``app/concurrency`` as the distribution ``lychgate``."""
