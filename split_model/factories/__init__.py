"""Factories, the user's own functions that make a model: found by name or file, run as their author runs them.

* `factory`: from the spec to a `Source`, with checks of what the factory returns;
* `surroundings`: the search path, arguments, modules and output that the user's code sees;
* `wording`: what failed in the user's code, with its own file and line.
"""
