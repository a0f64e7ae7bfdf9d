"""What a machine keeps from one start to the next, in a folder of the user's: models, traces, verdicts, profiles.

Laws: an entry is whole or not there; a damaged one is made again, and never used; nothing in the folder is run.
"""

from split_model.kept.folder import KeptFile, KeptFolder

__all__ = ["KeptFile", "KeptFolder"]
