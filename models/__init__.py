"""The networks that are known by name: the zoo's and torchvision's, with their weights and preprocessing.

Imported by `split_model.load` only when a `zoo:` or `torchvision:` spec asks for one: many repositories have a package
`models` of their own, and nothing else of this project needs this one.
"""

from models.by_name import build, describe

__all__ = ["build", "describe"]
