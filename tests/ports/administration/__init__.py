"""The administration of a site: staff members list visitors, mute them and disconnect them."""
