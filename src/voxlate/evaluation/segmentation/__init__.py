"""Label maps against label maps: per class, surfaces, lesions, volumes."""
