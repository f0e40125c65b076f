"""The demo's promise: on held-out cases the model's masked MAE is at most 0.6 of the lookup's.

python .ci/check_demo.py DEMO
"""

import json
import sys
from pathlib import Path

LIMIT = 0.6

folder = Path(sys.argv[1])
summary = json.loads((folder / "evaluation" / "summary.json").read_text(encoding="utf-8"))
[row] = [
    row for row in summary["rows"] if (row["method"], row["region"], row["metric"]) == ("model", "foreground", "mae")
]
ratio = row["against"]["lookup"]["ratio"]
if ratio > LIMIT:
    sys.exit(
        f"the model's MAE is {ratio:.3f} of the lookup's on {row['n']} held-out cases; at most {LIMIT} is promised"
    )
if not (folder / "evaluation" / "report.html").is_file():
    sys.exit("the report is missing")
sys.stdout.write(f"the model's MAE is {ratio:.3f} of the lookup's on {row['n']} held-out cases\n")
