"""From results to a verdict: outcomes, scorecard, gate, waivers, renderers."""
