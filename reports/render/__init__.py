"""Renderers: each takes a Scorecard and nothing else."""
