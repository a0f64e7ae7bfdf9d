"""Predicted against measured latency of every split: is the model behind the decisions right?"""
