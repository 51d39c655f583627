"""Makes the images' packages importable: what is tested here needs nothing but the standard library."""

import sys
from pathlib import Path

IMAGES = Path(__file__).parents[2] / "images"
sys.path[:0] = [str(IMAGES / name) for name in ("model", "weather-agent", "weather-tool")]
