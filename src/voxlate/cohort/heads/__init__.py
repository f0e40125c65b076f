"""What the image of a head tells: a face, bright CSF."""
