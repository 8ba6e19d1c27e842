"""Alerts: each fires under its real cause, reaches somebody in time, and resolves; nothing else fires."""
