"""Runs this package by path, ``python -I stack/bootstrap``, without the package around it."""

import runpy
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)
runpy.run_module("bootstrap.just", run_name="__main__")
