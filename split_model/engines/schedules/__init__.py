"""The engine of torch: schedules of operator calls, and what makes them fast.

In reading order: `engine` runs parts. `schedule` runs the operators from given values to wanted ones. Three modules
speed it up: `packing` reorders weights at load, `layout` chooses the memory layout of feeds, `in_place` finds operators
that may overwrite their inputs. `compiled` replaces the schedule of a stable split's head by torch.compile's code.
`layer_times` measures the layers.
"""
