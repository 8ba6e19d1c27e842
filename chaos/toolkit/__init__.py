"""To and from Chaos Toolkit: its experiment files are run here, with what is taken back taken back; ours are told in its form."""
