"""Layer graphs and plans as pictures.

* `folding`: a graph with its split as boxes and arrows; `layout`: their places; `svg`: the drawing;
* `plan_plot`: latency and throughput against the uplink.
"""
