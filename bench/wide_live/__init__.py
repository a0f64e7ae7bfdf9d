"""The benchmark `wide_live`: a model with too many splits to list, whose table is built while frames come."""
