"""The networks known by name: the zoo's and torchvision's, with their weights and preprocessing.

`split_model.load` imports this package only for a `zoo:` or `torchvision:` spec, because many repositories have a
package `models` of their own. Nothing else of this project imports it.
"""

from models.by_name import build, describe

__all__ = ["build", "describe"]
