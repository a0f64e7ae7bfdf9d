"""Groups of packets that refer to each other, and the decoder that goes through them.

* `group`: the packets from a keyframe on, and what is known of damage;
* `decoding_on`: a decoder that goes on from picture to picture.
"""
