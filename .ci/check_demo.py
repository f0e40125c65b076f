"""The demo's promise: on held-out cases the model's masked MAE is at most 0.6 of the lookup's."""

import json
import sys
from pathlib import Path

summary = json.loads((Path(sys.argv[1]) / "evaluation" / "summary.json").read_text(encoding="utf-8"))
