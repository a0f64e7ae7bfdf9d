"""Every closed set of a graph, listed once: each decision is then an exact scan over arrays.

In the order in which a table is built:

* `blocks`: where a graph falls into blocks that closed sets fill one after the other;
* `live_slots`: which layers of a block must be remembered while it is listed;
* `listing`: lists the sets, into `closed_sets`, which depend on the graph alone;
* `set_sums`: sums of any number per layer over all sets at once, correctly rounded;
* `choices`: the sets with an encoding each, without those that are never chosen;
* `split_table`: the table of times, which answers the questions.
"""
