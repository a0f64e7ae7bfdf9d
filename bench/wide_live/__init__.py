"""The benchmark `wide_live`: a model whose splits are searched for while frames come."""
