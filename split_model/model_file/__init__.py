"""A model in one file, `MODEL.dads`: what it is, its ONNX network and its weights; reading it needs no torch.

`docs/engines.md` specifies the format. Importing this package imports onnx.
"""

from split_model.model_file.reading import ModelFile, open_model_file
from split_model.model_file.writing import write_model_file

__all__ = ["ModelFile", "open_model_file", "write_model_file"]
