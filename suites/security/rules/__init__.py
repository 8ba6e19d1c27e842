"""The judgements of the security area as pure functions of plain data, so that good and bad inputs are tried without an engine."""
