"""Split points in a table, found in advance: any question is then a scan, however wide the graph.

A split matters only through four numbers: seconds on the edge, bits up, bits down, seconds in the cloud. A few hundred
to a few thousand splits suffice for every link, load and rate. From the bottom up:

* `layer_numbers`: what each layer adds to the four numbers, and the numbers of many splits at once;
* `weight_corners`, `lower_hull`: every split that can win under light load, by minimum cuts;
* `state_graph`, `layer_orders`: what must be remembered of the layers placed so far, and in which order that is
  little;
* `merging`, `frontier`: splits that stand for all others within a factor, for heavy load;
* `ways`: candidates for heavy load where there is no frontier;
* `points`: the splits of both, in their encodings, as a scan takes them; `proof`: what they prove about all others;
* `tabled_splits`: answers the questions; `tabulate`: builds it all.
"""
