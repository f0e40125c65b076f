"""Where things lie in the folder of a training and of a preflight."""

from __future__ import annotations

RUN = "run"
"""The run that a training makes; in the folder of a preflight what it has measured."""
