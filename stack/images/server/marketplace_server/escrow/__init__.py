"""Holds a buyer's money in a 2-of-3 multisig until both parties, or the arbiter and one of them, say where it goes."""
