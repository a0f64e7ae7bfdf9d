"""The commands of `dads`, one module each."""
