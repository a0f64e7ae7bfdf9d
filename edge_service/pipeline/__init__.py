"""The pipeline of frames: head, transfer and tail, and results in order.

* `pipeline`: waiting frames and heads; `offload`: transfers and tails;
* `encoding`: what a frame sends; `packet_sending`: the packets of its source, in place of its pixels;
* `job`: the state of one frame; `order`: results leave in the order of submission;
* `background_work`: searches for better splits, on a thread of their own; `turns`: which it takes in short ones.
"""
