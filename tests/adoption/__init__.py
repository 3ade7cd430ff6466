"""Existing clusters as sites."""
