"""The pipeline of frames: head, transfer and tail, and results in order.

* `pipeline`: waiting frames and heads; `offloading`: the clouds that a frame goes to, and if none answers;
* `offload`: transfers and tails with one cloud; `local_tails`: tails that run here after all;
* `encoding`: what a frame sends; `packet_sending`: the packets of its source, in place of its pixels;
* `job`: the state of one frame; `order`: results leave in the order of submission;
* `background_work`: searches for better splits, on a thread of their own; `turns`: which it takes in short ones.
"""
