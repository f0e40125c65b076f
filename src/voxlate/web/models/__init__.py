"""The models of a server on the page: what is known of each, and models that come as an archive of a bundle."""
