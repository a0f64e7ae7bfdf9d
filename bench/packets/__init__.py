"""A clip's frames to the cloud: as before, as lossless pictures, and as the packets of the clip."""
