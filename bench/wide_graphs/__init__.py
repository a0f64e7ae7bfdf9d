"""Heavy load on graphs too wide to list: how close to the optimum each step is proven to be, and how long it takes."""
