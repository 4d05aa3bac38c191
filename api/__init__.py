"""The platform's HTTP API: reads come from Postgres, writes go to workflows."""
