"""SQL, a module for each noun: plain functions, connection first, the rest by keyword."""
