"""Puts a release into service so that customers do not notice, and takes it back by itself when it is no good."""
