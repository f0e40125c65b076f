"""What label maps mean: classes, their names, lesions or structures."""
