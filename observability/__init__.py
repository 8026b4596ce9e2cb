"""What the services tell about themselves."""
