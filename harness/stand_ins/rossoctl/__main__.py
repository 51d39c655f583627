"""Command line: python -m harness.stand_ins.rossoctl up|down|env|lock."""

import sys

from harness.stand_ins.rossoctl.stand_in import STAND_IN
from harness.stand_ins.stand_in import run_command_line

sys.exit(run_command_line(STAND_IN))
