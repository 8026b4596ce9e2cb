"""The dashboards: what they ask, as values (`boards`), and Grafana's JSON made of them (`grafana`)."""
