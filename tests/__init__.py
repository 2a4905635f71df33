"""Tests of more than one package."""
