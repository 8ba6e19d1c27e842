"""What is handed in while something is broken and looked for afterwards: an outage that loses nothing has to be shown it."""
