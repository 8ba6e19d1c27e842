"""The system under test: the only code that touches the engine."""
