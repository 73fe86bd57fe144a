"""What the images are made of: what to install, locked, and how to keep a root file system small."""
