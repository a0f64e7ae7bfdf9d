"""The pipeline of frames: head, transfer and tail, and results in order.

* `pipeline`: waiting frames and heads; `offload`: transfers and tails;
* `job`: the state of one frame; `order`: results leave in the order of submission;
* `background_search`: searches for better splits on a thread of their own.
"""
