"""What the hub fetches by itself: rows of files and feeds, through the checkpoint or into the directory."""
