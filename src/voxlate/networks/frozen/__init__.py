"""Networks that are not trained here: features and style layers from a file or a bundle."""
