"""Where things lie in the folder of an upload that holds a model."""

from __future__ import annotations

UNPACKED, CHECKED = "bundle", "checked.json"
"""The members as they came, and what was found: the digest, or why it is refused."""
