"""What a plan is made of: profiles of machines, costs of layers and encodings, and the alternatives."""
