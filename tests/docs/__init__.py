"""The documentation: generated pages are current, what it names is there, and every link leads somewhere."""
