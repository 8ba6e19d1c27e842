"""Breaking things safely: faults that are proved to bite and proved to be gone."""
