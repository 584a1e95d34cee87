"""The servers that ours is measured against; those in Node have a folder each."""
