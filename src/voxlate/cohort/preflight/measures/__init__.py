"""What is measured of images: in bins, at each other's places, mirrored and turned, and made from each other."""
