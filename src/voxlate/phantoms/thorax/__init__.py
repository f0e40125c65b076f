"""The anatomy of the thorax: chest, airways, heart."""
