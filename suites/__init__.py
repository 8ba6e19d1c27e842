"""The checklist: one folder an area, one file a subject, one test a check."""
