"""Where things lie in the folders of an upload and of a job; nothing that takes long to load is needed for it."""

from __future__ import annotations

FILES, RECOGNISED, VIEWS = "files", "recognised.json", "views"
"""In an upload's folder: what came, what was found in it, and what the page shows of each scan."""
OUT, SOURCE, PREDICTION = "out", "views/source.nii", "views/prediction.nii"
"""In a job's folder: what ``voxlate translate`` writes, and what the page shows; of further sources ``source2`` ..."""
SURVEY = "survey.json"
"""What a data set has, in the server's folder for it, and in that of a job as it was when that was asked for."""
