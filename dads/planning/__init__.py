"""Plans: profiles of machines, costs of layers and encodings, and the alternatives for a link.

* `profiles`: measured times of a model on one machine; `profile_file`: the same as a file;
* `layer_costs`: seconds of the layers on both sides; `encodings`: bytes and seconds of encodings;
* `alternatives`: the split for a link, and what it is compared with; `output`: the same as table and JSON.
"""
