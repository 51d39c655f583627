"""Measures how fast the suites' own work is: `tox -e bench`.

| module | does |
|---|---|
| `evaluation.robot` | measures the evaluation of a trace contract |
| `measurements.py` | the library of these tasks: times a function, and keeps the figures |
| `long_traces.py` | makes traces of any length from a recorded one |
| `figures.py` | the file of figures, and what is computed from them |
| `page.py` | writes the page with plots, and docs/benchmark.md |

A task measures keywords, as a suite uses them. Another measurement is another task.
"""
