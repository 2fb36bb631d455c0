"""What the package scripts share."""
