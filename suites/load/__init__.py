"""The load area: whether the promises hold at the promised rate, measured so that it can be believed."""
