"""What every figure is made of: canvas, views, tiles, panels, overlays."""
