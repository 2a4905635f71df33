"""`callvault connector check`: ready-made cases, on real servers and a stand-in for the provider."""
