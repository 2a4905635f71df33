"""Real servers from packages: Apache Kafka and PostgreSQL as child processes."""
