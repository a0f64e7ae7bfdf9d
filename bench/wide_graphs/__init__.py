"""Heavy load beyond the closed-set table: how close to the optimum each step is proven to be, and how long it takes."""
