"""The runs of `dads demo`.

* `run`: the demo's processes, and what is shown while they run;
* `summary`: the comparison of the runs, and the verdict on their results.
"""
