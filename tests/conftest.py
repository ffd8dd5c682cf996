"""For all tests: no property fails because the machine was busy for a moment; what a test must not exceed it says itself."""

from hypothesis import HealthCheck, settings

settings.register_profile("tandem", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tandem")
