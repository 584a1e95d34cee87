"""The command ``lychgate``: generates projects and parts, and lists events."""
