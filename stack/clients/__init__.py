"""Typed clients for the services of a stack, one a file."""
