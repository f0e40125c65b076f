"""How near two sets of images lie: features, distances and what they say."""
