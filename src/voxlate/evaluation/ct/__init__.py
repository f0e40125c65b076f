"""What is asked of a synthetic CT only: water paths, dose, density, tissue regions."""
