"""Everything that turns a case into arrays and back."""
