"""Measures how fast the suites' own work is: `tox -e bench`.

Each `.robot` file has the tasks of one measurement. They run keywords as a suite does, with libraries of this
folder. Another measurement is another file.
"""
