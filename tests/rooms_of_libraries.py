"""Importing this imports libraries/ and resources/ as Robot Framework does for a suite."""

import gc
import importlib
import sys
from pathlib import Path

from robot.running.namespace import IMPORTER  # type: ignore[import-untyped]
from robot.running.resourcemodel import Import  # type: ignore[import-untyped]
from robot.utils import find_file  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ROOT / "libraries"

sys.path.insert(0, str(LIBRARIES))
for room in sorted(file.parent.name for file in LIBRARIES.glob("*/__init__.py")):
    importlib.import_module(room)

# Robot Framework reads each file and library once a run. A forked process has what is read here; only
# libraries with arguments are left to it.
IMPORTER.import_library("BuiltIn", (), None, None)
for file in sorted((ROOT / "resources").glob("*.resource")):
    for each in IMPORTER.import_resource(str(file)).imports:
        if each.type == Import.LIBRARY and not each.args:
            name = find_file(each.name, each.directory, "Library") if "/" in each.name else each.name
            IMPORTER.import_library(name, (), None, None)
IMPORTER.reset = lambda: None  # a run begins with it

# A forked process need not look through all this for garbage: that is a tenth of a short run.
gc.collect()
gc.freeze()
