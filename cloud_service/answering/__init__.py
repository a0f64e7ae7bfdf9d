"""From a request for a tail to its response: `frames` for all of them, `cheap` for those that need no thread."""
