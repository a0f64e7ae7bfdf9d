"""Every closed set of a graph, listed once: each decision is then an exact scan over arrays.

In the order in which a table is built:

* `blocks`: divides a graph into blocks that closed sets fill one after the other;
* `live_slots`: which layers of a block must be remembered while it is listed;
* `listing`: lists the sets, as `closed_sets`, which depend only on the graph;
* `set_sums`: sums of a number per layer over all sets at once, correctly rounded;
* `choices`: each set with each encoding, without those that are never chosen;
* `split_table`: the table of times, which answers the questions.
"""
