"""Stand-ins for the images of Prometheus and of the Collector, and what takes the place of Tempo and Loki."""
