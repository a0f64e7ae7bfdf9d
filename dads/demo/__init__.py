"""What `dads demo` runs, and how its runs are summed up."""
