"""The restore area: a backup is worth what was restored from it, so each check restores one."""
