"""Search for graphs with too many closed sets to list: minimum cuts, a search tree, and proven bounds.

Light load is exact. Heavy load is NP-hard; its answer comes with a proven bound. From the bottom up:

* `min_cut`: the split of the smallest weighted sum of the stages;
* `problem`: one question, in the arrays that all searches take;
* `lowest_latency`: light load, by one cut for each encoding;
* `dual_bounds`: what weighted sums prove about heavy load, and which weights prove most;
* `weighted_cuts`: the candidates that such cuts find, and their bound;
* `remainder`, `walks`, `branch_and_bound`: a search tree that improves candidates and bound;
* `heavy_load`: cuts, then the tree, for one encoding; `each_encoding`: the best over all encodings;
* `searched_splits`: answers the questions.
"""
