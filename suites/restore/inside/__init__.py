"""Programs that run inside a container of the backup image, where disks can be filled and processes killed at will."""
