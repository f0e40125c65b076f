"""What every figure is made of: the sheet of pictures, the scaffold of plots, and their parts."""
