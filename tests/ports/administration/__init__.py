"""The administration of a site: staff watches the visitors, mutes them and throws them out."""
