"""Importing this imports every room of libraries/, as Robot Framework does for a suite."""

import gc
import importlib
import sys
from pathlib import Path

LIBRARIES = Path(__file__).resolve().parents[1] / "libraries"

sys.path.insert(0, str(LIBRARIES))
for room in sorted(file.parent.name for file in LIBRARIES.glob("*/__init__.py")):
    importlib.import_module(room)

# A forked process need not look through all this for garbage: that is a tenth of a short run.
gc.collect()
gc.freeze()
