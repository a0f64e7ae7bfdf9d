"""Whether a split model is the module that was meant, and leaves that module as it was."""
