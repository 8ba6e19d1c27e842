"""The operations area: what the operator types does what it says."""
