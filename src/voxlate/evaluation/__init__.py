"""How good a translation is, compared with what."""
