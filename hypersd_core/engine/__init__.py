"""Weights to pixels; the only place that imports diffusers for inference."""
