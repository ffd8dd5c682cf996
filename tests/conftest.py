"""For all tests: no property fails because the machine was busy for a moment; what a test must not exceed it says itself."""

from hypothesis import settings

settings.register_profile("tandem", deadline=None)
settings.load_profile("tandem")
