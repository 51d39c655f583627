"""Importing this imports every room of libraries/, as Robot Framework does for a suite."""

import importlib
import sys
from pathlib import Path

LIBRARIES = Path(__file__).resolve().parents[1] / "libraries"

sys.path.insert(0, str(LIBRARIES))
for room in sorted(file.parent.name for file in LIBRARIES.glob("*/__init__.py")):
    importlib.import_module(room)
